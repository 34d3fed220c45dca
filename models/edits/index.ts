import { clearTinyWeights } from './clear-tiny-weights.ts';
import { dynamicBatch } from './dynamic-batch.ts';
import { decodeModel, encodeModel } from './graph.ts';
import { preluAsMin } from './prelu-as-min.ts';
import { preluInBlocks } from './prelu-in-blocks.ts';
import { ultrafaceAnySize } from './ultraface-any-size.ts';

const edits = {
  'clear-tiny-weights': clearTinyWeights,
  'dynamic-batch': dynamicBatch,
  'prelu-as-min': preluAsMin,
  'prelu-in-blocks': preluInBlocks,
  'ultraface-any-size': ultrafaceAnySize,
};

/** An edit of a graph, by its name in the manifest. */
export type GraphEdit = keyof typeof edits;

/** Applies edits in order to an ONNX file; without edits the same bytes are returned. */
export const applyEdits = (bytes: Uint8Array, names: readonly GraphEdit[]): Uint8Array => {
  if (names.length === 0) return bytes;
  const { model, graph } = decodeModel(bytes);
  for (const name of names) edits[name](graph);
  return encodeModel(model);
};
