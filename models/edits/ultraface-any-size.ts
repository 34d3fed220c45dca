import { type Graph, type onnx, setDimension } from './graph.ts';

/** The output that {@link ultrafaceAnySize} adds instead of `boxes`. */
const offsets = 'offsets';

/**
 * Lets UltraFace accept inputs of any size. Its convolutions do; its tail, which turns offsets into boxes, has tables
 * of the 4,420 priors of 320 x 240. The tail is removed: the outputs become `scores` [1, n, 2] and `offsets` [1, n,
 * 4], and the detector computes the priors for its input size. So one file serves both passes, and pictures that are
 * not 4:3 need less padding.
 *
 * Throws if the graph is not the published one.
 */
export const ultrafaceAnySize = (graph: Graph): void => {
  const end = graph.node.findIndex((node) => node.output?.includes('boxes'));
  // The last concatenation of four inputs, one for each stride, before the computation of boxes.
  const joined = graph.node
    .slice(0, Math.max(0, end))
    .findLast((node) => node.opType === 'Concat' && node.input?.length === 4);
  const isOffsets = joined && graph.node.filter((node) => node.input?.includes(joined.output![0]!));
  if (!isOffsets || isOffsets.some((node) => node.opType !== 'Slice')) {
    throw new Error('not the published UltraFace graph: its offsets are not where they are expected');
  }
  joined.output = [offsets];
  graph.node = needed(graph, ['scores', offsets]);
  const output = graph.output.find((value) => value.name === 'boxes')!;
  output.name = offsets;
  for (const value of graph.output) setDimension(value, 1, 'priors');
  for (const value of graph.input) {
    setDimension(value, 2, 'height');
    setDimension(value, 3, 'width');
  }
  graph.valueInfo = [];
  const used = new Set(graph.node.flatMap((node) => node.input ?? []));
  graph.initializer = graph.initializer.filter((tensor) => used.has(tensor.name ?? ''));
};

/** The nodes that the outputs depend on, in the graph's topological order. */
const needed = (graph: Graph, outputs: readonly string[]): InstanceType<typeof onnx.NodeProto>[] => {
  const wanted = new Set(outputs);
  const kept = graph.node.toReversed().filter((node) => {
    if (!node.output?.some((name) => wanted.has(name))) return false;
    for (const name of node.input ?? []) wanted.add(name);
    return true;
  });
  return kept.toReversed() as InstanceType<typeof onnx.NodeProto>[];
};
