import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLabelledFolder } from '../../src/calibration/labelled-folder.ts';
import { readConfig } from '../../src/config.ts';

/** A photo of which somebody has said what can be seen in it. */
interface KnownPhoto {
  readonly bytes: Buffer;
  /** Faces in it. */
  readonly faces: number;
  /** Whose portrait it is; null: several people's. */
  readonly person: string | null;
}

/** A face that was found: its height in pixels of the picture and its descriptor. */
export interface Seen {
  readonly height: number;
  readonly vector: ArrayLike<number>;
}

/** Faces in sample photos 1 to 6, counted by eye. */
const inSamples = [3, 3, 3, 4, 5, 4];

/** The six group photos that come with the models. */
export const samplePhotos = (): Promise<KnownPhoto[]> =>
  Promise.all(
    inSamples.map(async (faces, index) => {
      const file = import.meta.resolve(`@vladmandic/face-api/demo/sample${index + 1}.jpg`);
      return { bytes: await readFile(fileURLToPath(file)), faces, person: null };
    }),
  );

/** The portraits of a labelled folder, and its groups where the number of faces is known. */
export const labelledPhotos = async (folder: string): Promise<KnownPhoto[]> => {
  const { people, groups } = await readLabelledFolder(folder, readConfig({}));
  const counted = [
    ...people.flatMap(({ name, photos }) => photos.map((file) => ({ file, faces: 1, person: name }))),
    ...groups.flatMap(({ file, faces }) => (faces === null ? [] : [{ file, faces, person: null }])),
  ];
  return Promise.all(
    counted.map(async ({ file, ...known }) => ({ ...known, bytes: await readFile(join(folder, file)) })),
  );
};

/**
 * How well faces were seen. `found`: of the faces that are there, how many; a photo's surplus makes up for nothing and is
 * `surplus`. `recognised`: of the portraits of people with several, how many have another one of the same person as the
 * most alike of all others; one in which no face was found is not recognised. 1 where there are none.
 */
export const judge = (
  photos: readonly KnownPhoto[],
  seen: readonly (readonly Seen[])[],
): { found: number; surplus: number; recognised: number } => {
  let [there, found, surplus] = [0, 0, 0];
  photos.forEach(({ faces }, index) => {
    const count = seen[index]!.length;
    there += faces;
    found += Math.min(faces, count);
    surplus += Math.max(0, count - faces);
  });
  const portraits = photos.flatMap(({ person }, index) =>
    person === null ? [] : [{ person, vector: largest(seen[index]!)?.vector }],
  );
  const probes = portraits.filter(
    (one) => portraits.filter((other) => other.person === one.person).length > 1,
  );
  const recognised = probes.filter((probe) => mostAlike(probe, portraits) === probe.person);
  return { found: found / there, surplus, recognised: probes.length && recognised.length / probes.length };
};

interface Portrait {
  readonly person: string;
  readonly vector: ArrayLike<number> | undefined;
}

const largest = (faces: readonly Seen[]): Seen | undefined =>
  faces.toSorted((a, b) => b.height - a.height)[0];

/** By Euclidean distance, which all of them are made for; of vectors of length 1 it is the order of the cosine. */
const mostAlike = (probe: Portrait, others: readonly Portrait[]): string | undefined => {
  const { vector } = probe;
  if (!vector) return undefined;
  let [least, person] = [Number.POSITIVE_INFINITY, undefined as string | undefined];
  for (const other of others) {
    if (other === probe || !other.vector) continue;
    let sum = 0;
    for (let i = 0; i < vector.length; i++) sum += (vector[i]! - other.vector[i]!) ** 2;
    if (sum < least) [least, person] = [sum, other.person];
  }
  return person;
};
