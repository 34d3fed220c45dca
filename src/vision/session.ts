import './no-telemetry.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { applyEdits, type GraphEdit } from '../../models/edits/index.ts';
import { sha256 } from '../../models/files.ts';
import type { ModelEntry } from '../../models/manifest.ts';
import { VisionError } from './errors.ts';

/** An open ONNX graph, with the digest of its file. */
export interface OnnxSession {
  readonly sha256: string;
  /**
   * Runs the graph on its only input, float32.
   *
   * @returns the outputs by name.
   */
  run(data: Float32Array, dims: readonly number[]): Promise<ort.InferenceSession.OnnxValueMapType>;
  /** The names of the outputs in the graph's order. */
  readonly outputs: readonly string[];
  /** The shape of the graph's only input; a free dimension is a name. */
  readonly inputShape: readonly (number | string)[];
  close(): Promise<void>;
}

/**
 * Opens a weights file.
 *
 * One thread for each run, and several pictures concurrently: with two threads a run, they spin against each other
 * and halve the speed.
 *
 * Throws a VisionError: `model_missing`; `model_hash_mismatch`, because a model id must always stand for the same
 * weights; `model_unfit` for a file that is not an ONNX model.
 *
 * @param expected sha256 of the file; any file is accepted without it.
 * @param edits applied to the graph in memory; they change how it is computed, never the result.
 */
export const openSession = async (
  path: string,
  expected?: string,
  edits: readonly GraphEdit[] = [],
): Promise<OnnxSession> => {
  const bytes = await readFile(path).catch((cause) => {
    throw new VisionError('model_missing', `There is no model at ${path}: run "npm run models".`, { cause });
  });
  const digest = sha256(bytes);
  if (expected !== undefined && digest !== expected) {
    throw new VisionError(
      'model_hash_mismatch',
      `${path} has sha256 ${digest} and should have ${expected}: run "npm run models" to install it again.`,
    );
  }
  const session = await ort.InferenceSession.create(applyEdits(bytes, edits), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  }).catch((cause) => {
    throw new VisionError('model_unfit', `${path} cannot be opened as an ONNX model: ${cause.message}`, {
      cause,
    });
  });
  const input = session.inputNames[0]!;
  const metadata = session.inputMetadata[0];
  return {
    sha256: digest,
    outputs: session.outputNames,
    inputShape: metadata?.isTensor ? metadata.shape : [],
    run: (data, dims) => session.run({ [input]: new ort.Tensor('float32', data, dims) }),
    close: () => session.release(),
  };
};

/** Opens a model of the manifest from the folder of installed weights. */
export const openInstalled = (entry: ModelEntry, directory: string): Promise<OnnxSession> =>
  openSession(join(directory, entry.file), entry.sha256, entry.atOpening);

/** A float32 output by name. */
export const floats = (outputs: ort.InferenceSession.OnnxValueMapType, name: string): Float32Array => {
  const tensor = outputs[name];
  if (tensor?.type !== 'float32') throw new Error(`the graph has no float32 output named ${name}`);
  return tensor.data as Float32Array;
};
