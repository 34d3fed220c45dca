import { landmarks68 } from '../../models/manifest.ts';
import { floats, openInstalled } from './session.ts';
import { luma } from './tensor.ts';
import type { Box, FivePoints, Landmarker, Pixels, Point } from './types.ts';
import { warpSquare } from './warp.ts';

const side = 64;

/**
 * The five points as groups of the 68 landmarks (iBUG order): the outlines of both eyes, the nose tip, the mouth
 * corners.
 */
const groups = [[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47], [30], [48], [54]];

/**
 * The side of the second pass's square, as a multiple of the larger extent of the first landmarks (brow to chin, or
 * ear to ear). Of values from 1 to 1.3, those from 1.15 on give the lowest equal error rate, on wild photos and
 * portraits alike.
 */
const margin = 1.2;

/**
 * 68 landmarks of each face from a gray square, all faces of a picture in one run. There are two passes: in a square
 * as high as the detector's box, and in the square around the landmarks of the first pass. Boxes fit faces only
 * loosely, and the second square hardly depends on them: with two passes the equal error rate of pairs is 0.87%
 * instead of 1.23% on wild photos.
 */
export const openLandmarks = async (directory: string): Promise<Landmarker> => {
  const session = await openInstalled(landmarks68, directory);
  const { id, role, sha256, licence } = landmarks68;

  const outlineOnce = async (picture: Pixels, boxes: readonly Box[]): Promise<Point[][]> => {
    const input = new Float32Array(boxes.length * side * side);
    boxes.forEach((box, index) => {
      const gray = luma(squareCrop(picture, box));
      for (let i = 0, to = index * side * side; i < gray.length; i++) input[to + i] = gray[i]! / 256;
    });
    const outputs = await session.run(input, [boxes.length, 1, side, side]);
    const values = floats(outputs, session.outputs[0]!);
    return boxes.map((box, index) => pointsIn(values.subarray(index * 136, (index + 1) * 136), box));
  };
  const outline = async (picture: Pixels, boxes: readonly Box[]): Promise<Point[][]> => {
    if (boxes.length === 0) return [];
    const first = await outlineOnce(picture, boxes);
    return outlineOnce(
      picture,
      first.map((points) => squareBox(points, margin)),
    );
  };

  return {
    model: { id, role, sha256, licence, dimension: null },
    outline,
    locate: async (picture, boxes) => (await outline(picture, boxes)).map(fivePoints),
    close: () => session.close(),
  };
};

/** The top left corner of the square that has the box's centre and height. */
const corner = (box: Box): Point => [box.x + (box.width - box.height) / 2, box.y];

/** The square around the centre of the points' bounding box, `factor` times as large as its longer side. */
export const squareBox = (points: readonly Point[], factor: number): Box => {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const length = factor * Math.max(right - left, bottom - top);
  return { x: (left + right - length) / 2, y: (top + bottom - length) / 2, width: length, height: length };
};

const squareCrop = (picture: Pixels, box: Box): Pixels => {
  const [x, y] = corner(box);
  return warpSquare(picture, { x, y, width: box.height, height: box.height }, side);
};

/** @param values x and y alternating, as fractions of the square. */
const pointsIn = (values: Float32Array, box: Box): Point[] => {
  const [x, y] = corner(box);
  return Array.from(
    { length: values.length / 2 },
    (_, index): Point => [x + values[2 * index]! * box.height, y + values[2 * index + 1]! * box.height],
  );
};

const fivePoints = (points: readonly Point[]): FivePoints => {
  const mean = (group: readonly number[], axis: 0 | 1): number =>
    group.reduce((sum, index) => sum + points[index]![axis], 0) / group.length;
  return groups.map((group): Point => [mean(group, 0), mean(group, 1)]) as FivePoints;
};
