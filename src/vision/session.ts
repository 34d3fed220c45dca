import './no-telemetry.ts';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { applyEdits, type GraphEdit } from '../../models/edits/index.ts';
import { sha256 } from '../../models/files.ts';
import type { ModelEntry } from '../../models/manifest.ts';
import { VisionError } from './errors.ts';

/** An open ONNX graph and the digest of the file it was built from. */
export interface Session {
  readonly sha256: string;
  /** Runs the graph's one float32 input; outputs by name. */
  run(data: Float32Array, dims: readonly number[]): Promise<ort.InferenceSession.OnnxValueMapType>;
  /** Names of the outputs in the graph's order. */
  readonly outputs: readonly string[];
  /** Shape of the graph's one input; a dimension that is free is a name. */
  readonly inputShape: readonly (number | string)[];
  close(): Promise<void>;
}

/**
 * Opens a weights file. With `expected`, refuses any other sha256 (`model_hash_mismatch`): a vector's model id must mean
 * one thing only. `edits` are made to the graph in memory; they change how it is computed, never the result.
 *
 * Throws a VisionError: also `model_missing` when there is no such file, and `model_unfit` for one that is no ONNX model.
 *
 * One thread a run, and several pictures in flight: two threads a run spin against each other and halve
 * the speed.
 */
export const openSession = async (
  path: string,
  expected?: string,
  edits: readonly GraphEdit[] = [],
): Promise<Session> => {
  const bytes = await readFile(path).catch((cause) => {
    throw new VisionError('model_missing', `There is no model at ${path}: run "npm run models".`, { cause });
  });
  const digest = sha256(bytes);
  if (expected !== undefined && digest !== expected) {
    throw new VisionError(
      'model_hash_mismatch',
      `${path} has sha256 ${digest} and should have ${expected}: run "npm run models" to install it anew.`,
    );
  }
  const session = await ort.InferenceSession.create(applyEdits(bytes, edits), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  }).catch((cause) => {
    throw new VisionError('model_unfit', `${path} can not be opened as an ONNX model: ${cause.message}`, {
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
export const openInstalled = (entry: ModelEntry, directory: string): Promise<Session> =>
  openSession(join(directory, entry.file), entry.sha256, entry.atOpening);

/** A float32 output by name. */
export const floats = (outputs: ort.InferenceSession.OnnxValueMapType, name: string): Float32Array => {
  const tensor = outputs[name];
  if (tensor?.type !== 'float32') throw new Error(`the graph has no float32 output named ${name}`);
  return tensor.data as Float32Array;
};
