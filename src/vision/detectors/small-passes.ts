import { cut, type Fitted, fitInside, padToCells } from '../letterbox.ts';
import { fresh, overlap, suppress } from '../nms.ts';
import type { Detection, Pixels } from '../types.ts';

/** One run of a detector's network; faces are in pixels of the picture from which `input` was made. */
type Pass = (input: Fitted) => Promise<Detection[]>;

/**
 * Boxes lower than this, in pixels of the pass's input, are mostly false: patterns in cloth, such as dots or lace.
 */
const lowest = 12;

/**
 * A pass keeps only faces lower than this, in pixels of the input of the coarser pass before it, which finds the
 * higher ones. Larger boxes in a finer pass are mostly false: ears, elbows.
 */
const highest = 32;

/** The largest input of one run. A larger one takes as long for each pixel and needs much more memory. */
const [tileWidth, tileHeight] = [1280, 960];

/** The largest ratio between the scales of two consecutive passes. */
const finer = 3;

/**
 * Finds faces that are too small for a pass over the picture fitted into 640 x 480. Searches the picture scaled by
 * `scale`, in tiles, and at scales in between if that is more than three times finer.
 */
export const findSmall = async (picture: Pixels, scale: number, pass: Pass): Promise<Detection[]> => {
  const before = Math.min(640 / picture.width, 480 / picture.height);
  const scales = [scale];
  while (scales[0]! > finer * before) scales.unshift(scales[0]! / 2);
  const found: Detection[] = [];
  let previous = before;
  for (const at of scales) {
    // A pass that is hardly finer than the one before finds the same faces.
    if (at < 1.2 * previous) continue;
    const limit = highest / previous;
    const some = await overTiles(picture, at, Math.ceil(limit * at), pass);
    found.push(
      ...fresh(
        found,
        some.filter(({ box }) => box.height * at >= lowest && box.height < limit),
      ),
    );
    previous = at;
  }
  return found;
};

/**
 * Runs over the scaled picture in tiles that overlap by `shared` pixels, so that each face up to that height is
 * complete in one of them; boxes for its parts in other tiles are suppressed.
 */
const overTiles = async (
  picture: Pixels,
  scale: number,
  shared: number,
  pass: Pass,
): Promise<Detection[]> => {
  const { pixels, scaleX, scaleY } = await fitInside(
    picture,
    Math.round(picture.width * scale),
    Math.round(picture.height * scale),
  );
  const found: Detection[] = [];
  for (const [top, height] of spans(pixels.height, tileHeight, shared)) {
    for (const [left, width] of spans(pixels.width, tileWidth, shared)) {
      const tile = { pixels: cut(pixels, left, top, width, height), scaleX, scaleY };
      const inTile = await pass(padToCells(tile));
      for (const { box, score } of inTile) {
        found.push({ box: { ...box, x: box.x + left * scaleX, y: box.y + top * scaleY }, score });
      }
    }
  }
  return suppress(found, 0.6, overlap);
};

/** Splits `length` into equal parts, no longer than `most`, that overlap by `shared`. */
const spans = (length: number, most: number, shared: number): [begin: number, length: number][] => {
  if (length <= most) return [[0, length]];
  const count = Math.ceil((length - shared) / (most - shared));
  const step = (length - shared) / count;
  return Array.from({ length: count }, (_, index) => {
    const begin = Math.floor(index * step);
    return [begin, Math.min(length, Math.ceil(index * step + step + shared)) - begin];
  });
};
