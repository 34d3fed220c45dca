import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { LabelledFolder } from '../calibration/labelled-folder.ts';
import type { Box, Vision } from '../vision/index.ts';

/** A face cut out of a labelled photo with some of its background; `box` is in pixels of the cut. */
export interface CutFace {
  readonly image: Buffer;
  readonly box: Box;
}

/** A synthetic picture of a crowd: real faces at known places. */
export interface CrowdPhoto {
  /** JPEG, quality 90. */
  readonly bytes: Buffer;
  /** Where the faces are, in pixels. All have the height that was asked for. */
  readonly faces: readonly Box[];
}

/** Side of a cut as a multiple of the face's height. */
const cutSide = 1.9;

/** Share of the places in a frame that get a face; the rest shows the backdrop. */
const occupied = 0.4;

/**
 * Cuts one face out of each photo of a person or stranger that holds exactly one face, by the detector of `vision`.
 *
 * @param minimum least height of a face in pixels, so that no face has to be enlarged.
 */
export const cutFaces = async (
  folder: LabelledFolder,
  vision: Pick<Vision, 'findFaces'>,
  minimum: number,
): Promise<CutFace[]> => {
  const cuts: CutFace[] = [];
  for (const file of [...folder.people.flatMap(({ photos }) => photos), ...folder.strangers]) {
    const bytes = await readFile(join(folder.path, file));
    const { faces, width, height } = await vision.findFaces(bytes);
    const [face] = faces;
    if (!face || faces.length > 1 || face.box.height < minimum) continue;
    cuts.push(await cutFace(bytes, face.box, { width, height }));
  }
  return cuts;
};

/** Cuts a face out of a photo of this size. */
export const cutFace = async (
  bytes: Uint8Array,
  box: Box,
  { width, height }: { readonly width: number; readonly height: number },
): Promise<CutFace> => {
  const half = (box.height * cutSide) / 2;
  const left = Math.max(0, Math.floor(box.x + box.width / 2 - half));
  const top = Math.max(0, Math.floor(box.y + box.height / 2 - half));
  const right = Math.min(width, Math.ceil(box.x + box.width / 2 + half));
  const bottom = Math.min(height, Math.ceil(box.y + box.height / 2 + half));
  const image = await sharp(bytes)
    .autoOrient()
    .extract({ left, top, width: right - left, height: bottom - top })
    .flatten({ background: '#808080' })
    .toColourspace('srgb')
    .png({ compressionLevel: 1 })
    .toBuffer();
  return { image, box: { ...box, x: box.x - left, y: box.y - top } };
};

/**
 * Makes crowds of all `cuts`, each used once: faces scaled to `height` pixels, placed at random without overlap.
 *
 * @param backdrops photos without faces to place them on; coloured noise where there are none.
 * @param seed the same seed gives the same pictures.
 */
export const makeCrowds = async (
  cuts: readonly CutFace[],
  height: number,
  frame: { readonly width: number; readonly height: number },
  backdrops: readonly Buffer[] = [],
  seed = 1,
): Promise<CrowdPhoto[]> => {
  const random = randomNumbers(seed);
  const cell = Math.ceil(height * (cutSide + 0.3));
  const columns = Math.floor(frame.width / cell);
  const rows = Math.floor(frame.height / cell);
  const perFrame = Math.max(1, Math.round(columns * rows * occupied));
  const waiting = shuffled(cuts, random);
  const crowds: CrowdPhoto[] = [];
  while (waiting.length > 0) {
    const places = shuffled([...Array(columns * rows).keys()], random);
    // Random numbers are drawn before the first await, so that a seed always gives the same pictures.
    const drawn = waiting
      .splice(0, perFrame)
      .map((face, index) => ({ ...face, place: places[index] as number, right: random(), down: random() }));
    const pasted = await Promise.all(
      drawn.map(async ({ image, box, place, right, down }) => {
        const scale = height / box.height;
        const { width: w, height: h } = await sharp(image).metadata();
        const [width, tall] = [Math.round(w * scale), Math.round(h * scale)];
        const left = (place % columns) * cell + Math.floor(right * Math.max(1, cell - width));
        const top = Math.floor(place / columns) * cell + Math.floor(down * Math.max(1, cell - tall));
        const input = await sharp(image).resize(width, tall, { fit: 'fill' }).png().toBuffer();
        return {
          layer: { input, left, top },
          box: {
            x: left + box.x * (width / w),
            y: top + box.y * (tall / h),
            width: box.width * scale,
            height,
          },
        };
      }),
    );
    const backdrop = backdrops[crowds.length % backdrops.length];
    const behind = backdrop
      ? sharp(backdrop).autoOrient().resize(frame.width, frame.height, { fit: 'cover' })
      : noise(frame, random);
    const bytes = await behind
      .composite(pasted.map(({ layer }) => layer))
      .jpeg({ quality: 90 })
      .toBuffer();
    crowds.push({ bytes, faces: pasted.map(({ box }) => box) });
  }
  return crowds;
};

/** Blotches of colour, some 16 pixels wide. */
const noise = ({ width, height }: { width: number; height: number }, random: () => number) => {
  const [w, h] = [Math.ceil(width / 16), Math.ceil(height / 16)];
  const data = Uint8Array.from({ length: w * h * 3 }, () => 64 + random() * 128);
  return sharp(data, { raw: { width: w, height: h, channels: 3 } }).resize(width, height, { fit: 'fill' });
};

/** Numbers from 0 to 1 by a linear congruential generator (Numerical Recipes' constants). */
const randomNumbers = (seed: number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};

const shuffled = <T>(values: readonly T[], random: () => number): T[] => {
  const list = [...values];
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [list[i], list[j]] = [list[j] as T, list[i] as T];
  }
  return list;
};
