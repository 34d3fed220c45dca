import type { FivePoints, Quality } from './types.ts';

/**
 * The five points of a generic head, as offsets from their mean: x and y from the ArcFace template (the mean frontal
 * face, 112 px), z towards the viewer. Depths follow anthropometric means at 1.8 mm a pixel: the nose tip is 36 mm
 * and the mouth corners are 9 mm in front of the eye centres.
 */
const head = ((): readonly [number, number, number][] => {
  const points: [number, number, number][] = [
    [-17.6, -20.2, 0],
    [17.6, -20.2, 0],
    [0, 0, 20],
    [-14.6, 20.5, 5],
    [14.6, 20.5, 5],
  ];
  const mean = [0, 1, 2].map((axis) => points.reduce((sum, point) => sum + point[axis]!, 0) / points.length);
  return points.map(([x, y, z]) => [x - mean[0]!, y - mean[1]!, z - mean[2]!]);
})();

/**
 * The pseudo-inverse of the head: weights that turn five observed coordinates into a row of a scaled rotation (least
 * squares). The head is mirror-symmetric, so x is independent of y and z.
 */
const solver = ((): readonly [number, number, number][] => {
  const dot = (i: number, j: number) => head.reduce((sum, point) => sum + point[i]! * point[j]!, 0);
  const [xx, yy, zz, yz] = [dot(0, 0), dot(1, 1), dot(2, 2), dot(1, 2)];
  const det = yy * zz - yz * yz;
  return head.map(([x, y, z]) => [x / xx, (zz * y - yz * z) / det, (yy * z - yz * y) / det]);
})();

const degrees = (radians: number): number => (radians * 180) / Math.PI;

/**
 * The angles of a head in degrees from its five points, by fitting a generic head under scaled orthographic
 * projection (DeMenthon and Davis, 1995: the first step of POSIT). Good enough to separate frontal from profile
 * views, not to measure: a long nose reads as a turned head.
 */
export const poseOf = (points: FivePoints): Pick<Quality, 'yaw' | 'pitch' | 'roll'> => {
  const [left, right] = points;
  const roll = Math.atan2(right[1] - left[1], right[0] - left[0]);
  // Rotated upright first, so that yaw and pitch are those of the head, however the camera is tilted.
  const cos = Math.cos(roll);
  const sin = Math.sin(roll);
  const rowX = solve(points.map(([x, y]) => x * cos + y * sin));
  const rowY = solve(points.map(([x, y]) => y * cos - x * sin));
  return {
    yaw: degrees(Math.atan2(rowX[2], Math.hypot(rowX[0], rowX[1]))),
    pitch: degrees(Math.atan2(rowY[2], Math.hypot(rowY[0], rowY[1]))),
    roll: degrees(roll),
  };
};

const solve = (observed: readonly number[]): [number, number, number] => {
  const row: [number, number, number] = [0, 0, 0];
  observed.forEach((value, point) => {
    for (let axis = 0; axis < 3; axis++) row[axis] = row[axis]! + solver[point]![axis]! * value;
  });
  return row;
};
