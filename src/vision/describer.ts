import { ageGender } from '../../models/manifest.ts';
import { squareBox } from './landmarks.ts';
import { floats, openInstalled } from './session.ts';
import { writePlanes } from './tensor.ts';
import type { Demography, ModelInfo, Normalisation, Pixels, Point } from './types.ts';
import { warpSquare } from './warp.ts';

const side = ageGender.input.width;
const planes = 3 * side * side;

/** The graph takes RGB from 0 to 255 and subtracts the mean colour itself. */
const asIs: Normalisation = { channels: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] };

/**
 * The margin around the outline on each side, as a fraction of the square around it; the same as in the model's
 * training.
 */
const margin = 0.1;

/** Faces in one run. Larger batches are not faster and need more memory. */
const batch = 4;

/** The age and gender model: an estimate for each face, given its outline. */
export interface Describer {
  /** One result for each outline (68 landmarks in pixels of `picture`), in order. */
  estimate(picture: Pixels, outlines: readonly (readonly Point[])[]): Promise<Demography[]>;
  close(): Promise<void>;
}

/** The model as the database registers it; known without opening it. */
export const describerModel: ModelInfo = {
  id: ageGender.id,
  role: ageGender.role,
  sha256: ageGender.sha256,
  licence: ageGender.licence,
  dimension: null,
};

/** Opens face-api's age and gender network: 1.7 MB, 2.3 ms a face on one thread. */
export const openDescriber = async (directory: string): Promise<Describer> => {
  const session = await openInstalled(ageGender, directory);

  const run = async (picture: Pixels, outlines: readonly (readonly Point[])[]): Promise<Demography[]> => {
    const input = new Float32Array(outlines.length * planes);
    outlines.forEach((outline, index) => {
      writePlanes(squareAround(picture, outline), asIs, input, index * planes);
    });
    const outputs = await session.run(input, [outlines.length, 3, side, side]);
    const ages = floats(outputs, 'age');
    const genders = floats(outputs, 'gender');
    return outlines.map((_, index) => ({ age: Math.max(0, ages[index]!), male: genders[2 * index]! }));
  };

  return {
    estimate: async (picture, outlines) => {
      const results: Demography[] = [];
      for (let at = 0; at < outlines.length; at += batch)
        results.push(...(await run(picture, outlines.slice(at, at + batch))));
      return results;
    },
    close: () => session.close(),
  };
};

/** The smallest square around the points with the margin, as 112 x 112 pixels. */
export const squareAround = (picture: Pixels, points: readonly Point[]): Pixels => {
  return warpSquare(picture, squareBox(points, 1 + 2 * margin), side);
};
