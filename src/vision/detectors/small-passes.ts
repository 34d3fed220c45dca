import { cut, type Fitted, fitInside, padToCells } from '../letterbox.ts';
import { fresh, moved, overlap, suppress } from '../nms.ts';
import type { Detection, Pixels } from '../types.ts';

/** One run of a detector's network: faces in pixels of the picture that `input` was fitted from. */
export type Pass = (input: Fitted) => Promise<Detection[]>;

/** Faces lower than this in a pass's own input are mostly patterns in cloth: dots, lace, lattices. */
const lowest = 12;

/**
 * A pass leaves faces to the pass before it that were this high there, in pixels: those it finds as well, and larger
 * boxes in a finer pass are mostly wrong (ears, elbows).
 */
const highest = 32;

/** Longest sides of one run: larger inputs take as long a pixel (34 to 40 ms a megapixel) and hold much more memory. */
const [tileWidth, tileHeight] = [1280, 960];

/** How much a pass may be finer than the one before it. */
const finer = 3;

/**
 * Looks for faces that are too small in the picture as fitted into 640 x 480: in the picture scaled by `scale`, tile by
 * tile, and in between where that is more than three times finer.
 */
export const findSmall = async (picture: Pixels, scale: number, pass: Pass): Promise<Detection[]> => {
  const before = Math.min(640 / picture.width, 480 / picture.height);
  const scales = [scale];
  while (scales[0]! > finer * before) scales.unshift(scales[0]! / 2);
  const found: Detection[] = [];
  let previous = before;
  for (const at of scales) {
    // Faces found by a pass that is little finer are found by the one before.
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
 * Runs over the scaled picture in tiles that share `shared` pixels, so that each face up to that height is whole in one
 * of them; what another tile saw of it is dropped.
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
      const seen = await pass(padToCells(tile));
      found.push(...seen.map((face) => moved(face, 1, left * scaleX, top * scaleY)));
    }
  }
  return suppress(found, 0.6, overlap);
};

/** Begins and lengths of equal parts of `length`, no longer than `most`, that share `shared` with their neighbours. */
const spans = (length: number, most: number, shared: number): [begin: number, length: number][] => {
  if (length <= most) return [[0, length]];
  const count = Math.ceil((length - shared) / (most - shared));
  const step = (length - shared) / count;
  return Array.from({ length: count }, (_, index) => {
    const begin = Math.floor(index * step);
    return [begin, Math.min(length, Math.ceil(index * step + step + shared)) - begin];
  });
};
