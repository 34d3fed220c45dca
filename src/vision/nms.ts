import type { Box, Detection } from './types.ts';

const area = (box: Box): number => Math.max(0, box.width) * Math.max(0, box.height);

const intersection = (a: Box, b: Box): number => {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
};

/** Intersection over union, 0..1. */
export const iou = (a: Box, b: Box): number => {
  const common = intersection(a, b);
  return common === 0 ? 0 : common / (area(a) + area(b) - common);
};

/** Intersection over the smaller area, 0..1; close to 1 if one box lies within the other. */
export const overlap = (a: Box, b: Box): number => {
  const common = intersection(a, b);
  return common === 0 ? 0 : common / Math.min(area(a), area(b));
};

/**
 * Non-maximum suppression: of detections that overlap by more than `limit`, keeps the one with the best score.
 *
 * @param measure the measure of overlap, 0..1.
 * @returns the detections that are kept, best first.
 */
export const suppress = (detections: readonly Detection[], limit: number, measure = iou): Detection[] => {
  const kept: Detection[] = [];
  for (const candidate of [...detections].sort((a, b) => b.score - a.score)) {
    if (area(candidate.box) > 0 && kept.every(({ box }) => measure(box, candidate.box) <= limit))
      kept.push(candidate);
  }
  return kept;
};

/** The detections of `more` that are not the same face as one of `found`, nor a part of it. */
export const fresh = (found: readonly Detection[], more: readonly Detection[]): Detection[] =>
  more.filter((candidate) =>
    found.every(({ box }) => iou(box, candidate.box) <= 0.35 && overlap(box, candidate.box) <= 0.6),
  );

/** The box in a picture `scale` times as large. */
export const scaled = ({ x, y, width, height }: Box, scale: number): Box => ({
  x: x * scale,
  y: y * scale,
  width: width * scale,
  height: height * scale,
});
