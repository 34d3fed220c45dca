import type { GraphEdit } from '../../models/edits/index.ts';
import { floats, openSession } from './session.ts';
import { writePlanes } from './tensor.ts';
import type { Embedder, EmbedderDeclaration, Embedding, Pixels } from './types.ts';

/**
 * Opens an ONNX embedder as described by its declaration. If `sha256` is given, a file with another digest is
 * refused; `edits` are applied to the graph in memory.
 *
 * @example
 * const embedder = await openEmbedder(sface, '/opt/models/sface.onnx');
 * const [face] = await embedder.embed([crop]); // crop: 112 x 112, aligned to the template
 */
export const openEmbedder = async (
  declaration: EmbedderDeclaration,
  file: string,
  sha256?: string,
  edits: readonly GraphEdit[] = [],
): Promise<Embedder> => {
  const session = await openSession(file, sha256, edits);
  const { id, licence, size, dimension, batch, normalisation } = declaration;
  const output = declaration.output ?? session.outputs[0]!;
  const planes = 3 * size * size;

  const run = async (crops: readonly Pixels[]): Promise<Embedding[]> => {
    const input = new Float32Array(crops.length * planes);
    crops.forEach((crop, index) => {
      writePlanes(crop, normalisation, input, index * planes);
    });
    const values = floats(await session.run(input, [crops.length, 3, size, size]), output);
    if (values.length !== crops.length * dimension) {
      throw new Error(
        `${id} returned ${values.length / crops.length} numbers for each face, but declares ${dimension}`,
      );
    }
    return crops.map((_, index) =>
      finish(values.slice(index * dimension, (index + 1) * dimension), declaration.l2),
    );
  };

  return {
    declaration,
    model: { id, role: 'embedder', sha256: session.sha256, licence, dimension },
    embed: async (crops) => {
      const results: Embedding[] = [];
      for (let at = 0; at < crops.length; at += batch)
        results.push(...(await run(crops.slice(at, at + batch))));
      return results;
    },
    close: () => session.close(),
  };
};

const finish = (vector: Float32Array, l2: boolean): Embedding => {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const norm = Math.sqrt(sum);
  if (l2 && norm > 0) for (let i = 0; i < vector.length; i++) vector[i] = vector[i]! / norm;
  return { vector, norm };
};
