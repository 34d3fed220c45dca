import { encodeModel, floatTensor, onnx } from '../edits/graph.ts';
import { outInHeightWidth, readWeights, type Weights } from './tfjs-weights.ts';

const { INT, INTS, STRING } = onnx.AttributeProto.AttributeType;

/** The mean colour of the training photos, from face-api's TinyXception. */
const meanRgb = Float32Array.of(122.782, 117.001, 104.298);

/**
 * face-api's age and gender network (a small Xception) as an ONNX graph, from its TensorFlow.js weights.
 *
 * Input `input` [batch, 3, 112, 112]: RGB, 0..255. Outputs: `age` [batch, 1] in years, `gender` [batch, 2]: the
 * probabilities of male and female.
 */
export const ageGenderToOnnx = (manifest: Uint8Array, data: Uint8Array): Uint8Array => {
  const network = new Network(readWeights(manifest, data));
  const { relu, conv, separable, reduce, add } = network;

  let x = network.node('Sub', ['input', network.constant('mean', [1, 3, 1, 1], meanRgb)]);
  x = network.node('Div', [x, network.constant('range', [], Float32Array.of(255))]);
  x = relu(conv(x, 'entry_flow/conv_in', 2));
  x = reduce(x, x, 'entry_flow/reduction_block_0');
  x = reduce(x, relu(x), 'entry_flow/reduction_block_1');
  for (const block of ['middle_flow/main_block_0', 'middle_flow/main_block_1']) {
    let y = x;
    for (const part of [0, 1, 2]) y = separable(relu(y), `${block}/separable_conv${part}`);
    x = add(y, x);
  }
  x = reduce(x, relu(x), 'exit_flow/reduction_block');
  x = relu(separable(x, 'exit_flow/separable_conv'));
  x = network.node('AveragePool', [x], { kernel_shape: [7, 7], strides: [2, 2] });
  x = network.node('Flatten', [x]);
  network.dense(x, 'fc/age', 'age');
  network.node('Softmax', [network.dense(x, 'fc/gender')], { axis: -1 }, 'gender');
  return network.encode();
};

type Attribute = number | number[] | string;

/** Builds the graph; every method returns the name of the value that it adds. */
class Network {
  readonly #weights: Map<string, Weights>;
  readonly #nodes: InstanceType<typeof onnx.NodeProto>[] = [];
  readonly #tensors: ReturnType<typeof floatTensor>[] = [];

  constructor(weights: Map<string, Weights>) {
    this.#weights = weights;
  }

  readonly relu = (x: string): string => this.node('Relu', [x]);
  readonly add = (x: string, y: string): string => this.node('Add', [x, y]);

  /** A convolution that keeps the size, divided by the stride. */
  readonly conv = (x: string, name: string, stride: number): string =>
    this.#convolve(x, outInHeightWidth(this.#take(`${name}/filters`)), stride, 1, `${name}/bias`);

  /** A separable convolution: depthwise, then pointwise. */
  readonly separable = (x: string, name: string): string => {
    const { shape, values } = this.#take(`${name}/depthwise_filter`);
    const [height, width, channels] = shape as [number, number, number, number];
    // Depthwise filters as filters of one input each, in the same order of numbers.
    const alone = outInHeightWidth({ shape: [height, width, 1, channels], values });
    const points = outInHeightWidth(this.#take(`${name}/pointwise_filter`));
    return this.#convolve(this.#convolve(x, alone, 1, channels), points, 1, 1, `${name}/bias`);
  };

  /** Two separable convolutions of `y` and max pooling to half the size, plus a strided convolution of `x`. */
  readonly reduce = (x: string, y: string, name: string): string => {
    const once = this.separable(y, `${name}/separable_conv0`);
    const twice = this.separable(this.relu(once), `${name}/separable_conv1`);
    const half = this.node('MaxPool', [twice], {
      kernel_shape: [3, 3],
      strides: [2, 2],
      auto_pad: 'SAME_UPPER',
    });
    return this.add(half, this.conv(x, `${name}/expansion_conv`, 2));
  };

  readonly dense = (x: string, name: string, output?: string): string => {
    const [weights, bias] = [this.#take(`${name}/weights`), this.#take(`${name}/bias`)];
    const product = this.node('MatMul', [x, this.constant(`${name}/weights`, weights.shape, weights.values)]);
    return this.node('Add', [product, this.constant(`${name}/bias`, bias.shape, bias.values)], {}, output);
  };

  constant(name: string, dims: number[], values: Float32Array): string {
    this.#tensors.push(floatTensor(name, dims, values));
    return name;
  }

  node(opType: string, input: string[], attributes: Record<string, Attribute> = {}, output?: string): string {
    const name = output ?? `${opType}_${this.#nodes.length}`;
    const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
    this.#nodes.push(onnx.NodeProto.create({ opType, input, output: [name], attribute }) as never);
    return name;
  }

  #take(name: string): Weights {
    const weights = this.#weights.get(name);
    if (!weights) throw new Error(`not the published age and gender network: it has no ${name}`);
    return weights;
  }

  #convolve(x: string, filters: Weights, stride: number, group: number, bias?: string): string {
    const input = [x, this.constant(`filters_${this.#nodes.length}`, filters.shape, filters.values)];
    if (bias) {
      const { shape, values } = this.#take(bias);
      input.push(this.constant(bias, shape, values));
    }
    return this.node('Conv', input, {
      kernel_shape: filters.shape.slice(2),
      strides: [stride, stride],
      auto_pad: 'SAME_UPPER',
      group,
    });
  }

  encode(): Uint8Array {
    return encodeModel(
      onnx.ModelProto.fromObject({
        irVersion: 7,
        opsetImport: [{ domain: '', version: 13 }],
        graph: {
          name: 'age_gender',
          node: this.#nodes,
          initializer: this.#tensors,
          input: [value('input', ['batch', 3, 112, 112])],
          output: [value('age', ['batch', 1]), value('gender', ['batch', 2])],
        },
      }),
    );
  }
}

const attributeOf = (name: string, given: Attribute) => {
  if (Array.isArray(given)) return onnx.AttributeProto.create({ name, type: INTS, ints: given });
  if (typeof given === 'string')
    return onnx.AttributeProto.create({ name, type: STRING, s: new TextEncoder().encode(given) });
  return onnx.AttributeProto.create({ name, type: INT, i: given });
};

const value = (name: string, shape: (number | string)[]) => ({
  name,
  type: {
    tensorType: {
      elemType: onnx.TensorProto.DataType.FLOAT,
      shape: {
        dim: shape.map((side) => (typeof side === 'string' ? { dimParam: side } : { dimValue: side })),
      },
    },
  },
});
