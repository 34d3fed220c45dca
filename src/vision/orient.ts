import type { Pixels, Rotation } from './types.ts';

/**
 * Rotates a picture upright according to its EXIF orientation.
 *
 * @param orientation 1 to 8; 1 and any other value leave the picture as it is. From 5 on width and height are
 *   swapped.
 */
export const turnUpright = (picture: Pixels, orientation: number): Pixels => {
  const { data, width: w, height: h } = picture;
  const from = sources[orientation];
  if (!from) return picture;
  const [width, height] = orientation >= 5 ? [h, w] : [w, h];
  const turned = new Uint8Array(data.length);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const source = 3 * from(x, y, w, h);
      turned[at++] = data[source]!;
      turned[at++] = data[source + 1]!;
      turned[at++] = data[source + 2]!;
    }
  }
  return { data: turned, width, height };
};

/** The EXIF orientation of a picture that has this one and is turned clockwise by so many degrees as well. */
export const orientationAfter = (orientation: number, rotation: Rotation): number => {
  const turns = mirrored.includes(orientation) ? mirrored : plain;
  return turns[(Math.max(0, turns.indexOf(orientation)) + rotation / 90) % 4] as number;
};

/** The orientations that follow from each other by a quarter turn. */
const plain = [1, 6, 3, 8];
const mirrored = [2, 7, 4, 5];

/** The index of the pixel of the stored picture (w x h) that belongs at x, y of the upright one, by orientation. */
const sources: Record<number, (x: number, y: number, w: number, h: number) => number> = {
  2: (x, y, w) => y * w + w - 1 - x,
  3: (x, y, w, h) => (h - 1 - y) * w + w - 1 - x,
  4: (x, y, w, h) => (h - 1 - y) * w + x,
  5: (x, y, w) => x * w + y,
  6: (x, y, w, h) => (h - 1 - x) * w + y,
  7: (x, y, w, h) => (h - 1 - x) * w + w - 1 - y,
  8: (x, y, w) => x * w + w - 1 - y,
};
