import { floatTensor, type Graph, onnx } from './graph.ts';

const node = onnx.NodeProto.create;

/**
 * Rewrites each `PRelu(x, a)` as `Relu(x) + a * Min(x, 0)`, the same function. ONNX Runtime's PRelu is a slow generic
 * loop on a CPU, while these four operators are vectorised: 7.8 instead of 12.7 ms for each face on one thread.
 */
export const preluAsMin = (graph: Graph): void => {
  const zero = 'prelu_zero';
  graph.initializer.push(floatTensor(zero, [], new Float32Array(1)));
  graph.node = graph.node.flatMap((prelu, index) => {
    if (prelu.opType !== 'PRelu') return [prelu];
    const [x, slope] = prelu.input as [string, string];
    const name = (part: string) => `prelu_${index}_${part}`;
    return [
      node({ opType: 'Relu', input: [x], output: [name('positive')] }),
      node({ opType: 'Min', input: [x, zero], output: [name('negative')] }),
      node({ opType: 'Mul', input: [name('negative'), slope], output: [name('leak')] }),
      node({ opType: 'Add', input: [name('positive'), name('leak')], output: prelu.output ?? [] }),
    ];
  });
};
