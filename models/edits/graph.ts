import onnxProto from 'onnx-proto';

/** The protobuf classes of ONNX. onnx-proto is CommonJS, so its names are on the default export. */
export const { onnx } = onnxProto;

type Onnx = typeof onnx;
/** A decoded ONNX file. */
type Model = InstanceType<Onnx['ModelProto']>;
/** The computation inside a {@link Model}. */
export type Graph = InstanceType<Onnx['GraphProto']>;
type Tensor = InstanceType<Onnx['TensorProto']>;
type ValueInfo = InstanceType<Onnx['ValueInfoProto']>;

/** Decodes an ONNX file. */
export const decodeModel = (bytes: Uint8Array): { model: Model; graph: Graph } => {
  const model = onnx.ModelProto.decode(bytes);
  if (!model.graph) throw new Error('not an ONNX model: it has no graph');
  return { model, graph: model.graph as Graph };
};

/** Encodes a model. The encoding is deterministic, so the sha256 of the result can be pinned in the manifest. */
export const encodeModel = (model: Model): Uint8Array => onnx.ModelProto.encode(model).finish();

/** Sets one dimension of a graph input or output; a string makes it symbolic. */
export const setDimension = (value: unknown, axis: number, size: number | string): void => {
  const dims = (value as ValueInfo).type?.tensorType?.shape?.dim;
  if (!dims) throw new Error('the graph declares no shape to edit');
  dims[axis] = onnx.TensorShapeProto.Dimension.create(
    typeof size === 'string' ? { dimParam: size } : { dimValue: size },
  );
};

/** A float32 tensor; `values` are copied little-endian into its raw data. */
export const floatTensor = (name: string, dims: number[], values: Float32Array): Tensor =>
  onnx.TensorProto.create({
    name,
    dims,
    dataType: onnx.TensorProto.DataType.FLOAT,
    rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  }) as Tensor;

/** The raw bytes of a tensor, aligned for a typed array. */
export const rawBytes = (tensor: { rawData?: Uint8Array | null }): ArrayBuffer => {
  const raw = tensor.rawData ?? new Uint8Array();
  return Uint8Array.from(raw).buffer;
};
