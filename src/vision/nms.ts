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

/** Intersection over the smaller area, 0..1: near 1 when one box lies within the other. */
export const overlap = (a: Box, b: Box): number => {
  const common = intersection(a, b);
  return common === 0 ? 0 : common / Math.min(area(a), area(b));
};

/** Non-maximum suppression: keeps the best of any detections that share more than `limit` (IoU, or as told), best first. */
export const suppress = (detections: readonly Detection[], limit: number, shared = iou): Detection[] => {
  const kept: Detection[] = [];
  for (const candidate of [...detections].sort((a, b) => b.score - a.score)) {
    if (area(candidate.box) > 0 && kept.every(({ box }) => shared(box, candidate.box) <= limit))
      kept.push(candidate);
  }
  return kept;
};

/** Those of `more` that are none of the faces in `found`, whole or in part. */
export const fresh = (found: readonly Detection[], more: readonly Detection[]): Detection[] =>
  more.filter((candidate) =>
    found.every(({ box }) => iou(box, candidate.box) <= 0.35 && overlap(box, candidate.box) <= 0.6),
  );

/** The same face in a picture `scale` times as large, then moved by `x` and `y` pixels. */
export const moved = ({ box, score }: Detection, scale: number, x = 0, y = 0): Detection => ({
  box: { x: box.x * scale + x, y: box.y * scale + y, width: box.width * scale, height: box.height * scale },
  score,
});
