import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { readLabelledFolder } from '../../src/calibration/labelled-folder.ts';
import { readConfig } from '../../src/config.ts';
import type { Vision } from '../../src/vision/index.ts';

/** Photos to be submitted over and over, and who is to be enrolled beforehand. */
export interface PhotoSet {
  readonly name: string;
  readonly photos: readonly Buffer[];
  readonly people: readonly Portrayed[];
}

/** Somebody to enrol. */
interface Portrayed {
  readonly name: string;
  readonly photo: Buffer;
  /** Counted from 1, left to right; undefined: the only one. */
  readonly face?: number;
}

const sample = (number: number): Promise<Buffer> =>
  readFile(fileURLToPath(import.meta.resolve(`@vladmandic/face-api/demo/sample${number}.jpg`)));

/** Three people of the samples, one of them in two photos. */
const peopleOfSamples = async (): Promise<Portrayed[]> => [
  { name: 'Ada', photo: await sample(3), face: 2 },
  { name: 'Ben', photo: await sample(5), face: 1 },
  { name: 'Cleo', photo: await sample(6), face: 1 },
];

/** The six group photos that come with the models: 3 to 5 faces each. */
export const samples = async (): Promise<PhotoSet> => ({
  name: 'sample photos',
  photos: await Promise.all([1, 2, 3, 4, 5, 6].map(sample)),
  people: await peopleOfSamples(),
});

/** A labelled folder: each person's first photo enrols them, and up to 24 of the others are submitted. */
export const labelled = async (folder: string): Promise<PhotoSet> => {
  const { people, strangers, groups } = await readLabelledFolder(folder, readConfig({}));
  const read = (file: string) => readFile(join(folder, file));
  const files = [
    ...people.flatMap(({ photos }) => photos.slice(1)),
    ...strangers,
    ...groups.map(({ file }) => file),
  ];
  // Evenly over the folder.
  const step = Math.max(1, files.length / 24);
  const chosen = files.filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step));
  return {
    name: 'labelled photos',
    photos: await Promise.all(chosen.map(read)),
    people: await Promise.all(
      people.slice(0, 10).map(async ({ name, photos }) => ({ name, photo: await read(photos[0]!) })),
    ),
  };
};

/** As a camera delivers them. */
const frame = { width: 1280, height: 960 };

/** Distinct photos of a composed set. */
const distinct = 12;

/**
 * Photos of 1280 x 960 with exactly so many faces: those of the samples, each with its surroundings, before the same
 * samples out of focus. That the vision code finds them, and no other, is made sure.
 */
export const composed = async (vision: Vision, faces: 1 | 8): Promise<PhotoSet> => {
  const cuts = await cutOut(vision);
  const photos: Buffer[] = [];
  for (let n = 0; photos.length < distinct && n < 4 * distinct; n++) {
    // A step that shares no factor with most counts, so that each photo has another mixture.
    const chosen = Array.from({ length: faces }, (_, face) => cuts[(n * 5 + face) % cuts.length]!);
    const photo = await compose(await sample(1 + (n % 6)), chosen, n);
    if ((await vision.findFaces(photo)).faces.length === faces) photos.push(photo);
  }
  if (photos.length < distinct)
    throw new Error(`Only ${photos.length} photos show ${faces} faces when composed.`);
  return {
    name: faces === 1 ? '1 face a photo' : '8 faces a photo',
    photos,
    people: await peopleOfSamples(),
  };
};

/** Faces of the samples with half a face around them, where that shows nobody else. */
const cutOut = async (vision: Vision): Promise<Buffer[]> => {
  const cuts: Buffer[] = [];
  for (const number of [1, 2, 3, 4, 5, 6]) {
    const photo = await sample(number);
    const { faces, width, height } = await vision.findFaces(photo);
    for (const { box } of faces) {
      const left = Math.max(0, Math.round(box.x - 0.5 * box.width));
      const top = Math.max(0, Math.round(box.y - 0.5 * box.height));
      const cut = await sharp(photo)
        .extract({
          left,
          top,
          width: Math.min(width - left, Math.round(2 * box.width)),
          height: Math.min(height - top, Math.round(2 * box.height)),
        })
        .resize({ height: 320, width: 260, fit: 'cover' })
        .png()
        .toBuffer();
      if ((await vision.findFaces(cut)).faces.length === 1) cuts.push(cut);
    }
  }
  return cuts;
};

/** Places for faces: two rows of four, or one of them anywhere. */
const compose = async (behind: Buffer, cuts: readonly Buffer[], n: number): Promise<Buffer> => {
  const places = Array.from({ length: 8 }, (_, place) => ({
    left: 30 + 315 * (place % 4),
    top: 100 + 430 * Math.floor(place / 4),
  }));
  // The grain of a sensor: without it the photo would be of a third of the bytes that a camera's is.
  const grain = await sharp({
    create: {
      ...frame,
      channels: 3,
      background: '#808080',
      noise: { type: 'gaussian', mean: 128, sigma: 14 },
    },
  })
    .png()
    .toBuffer();
  return sharp(behind)
    .resize({ ...frame, fit: 'cover' })
    .blur(14)
    .composite([
      ...cuts.map((input, index) => ({ input, ...places[(n + index) % 8]! })),
      { input: grain, blend: 'soft-light' as const },
    ])
    .jpeg({ quality: 88 })
    .toBuffer();
};

/** Writes a set's photos where a program finds them, in their order. */
export const writeSet = async (set: PhotoSet, folder: string): Promise<string> => {
  const path = join(folder, set.name.replaceAll(' ', '-'));
  await mkdir(path, { recursive: true });
  await Promise.all(
    set.photos.map((photo, index) => writeFile(join(path, String(index).padStart(3, '0')), photo)),
  );
  return path;
};
