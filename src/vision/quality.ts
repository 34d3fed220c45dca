import { luma } from './tensor.ts';
import type { Pixels, Quality } from './types.ts';

/** Reason codes of the quality gate, stored with the face. */
export type GateReason = 'small' | 'low_score' | 'blurred' | 'profile' | 'tilted';

/** The limits that a face must meet to raise an alert; angles in degrees, in either direction. */
export interface GateLimits {
  heightPx: number;
  score: number;
  sharpness: number;
  yaw: number;
  pitch: number;
}

/**
 * The default limits. What decided each (hits are genuine pairs above a similarity of 0.45):
 *
 * - `heightPx`: 80% hits at 32 px, 98.6% at 48.
 * - `yaw`: 97% hits up to 35 degrees, 22% from 40 on.
 * - `pitch`: still 92% hits between 35 and 40 degrees; the limit only excludes extremes.
 * - `sharpness`: with added blur 95% hits from 10, 79% from 5.
 * - `score`: the lowest score of a real face is 0.867; the detector's threshold is 0.70.
 */
export const defaultGate: GateLimits = { heightPx: 48, score: 0.8, sharpness: 10, yaw: 40, pitch: 45 };

/** The reasons for which a face cannot raise an alert; empty if it can. */
export const gate = (quality: Quality, score: number, limits: GateLimits = defaultGate): GateReason[] => {
  const reasons: GateReason[] = [];
  if (quality.heightPx < limits.heightPx) reasons.push('small');
  if (score < limits.score) reasons.push('low_score');
  if (quality.sharpness < limits.sharpness) reasons.push('blurred');
  if (Math.abs(quality.yaw) > limits.yaw) reasons.push('profile');
  if (Math.abs(quality.pitch) > limits.pitch) reasons.push('tilted');
  return reasons;
};

/** The variance of the 4-neighbour Laplacian of the crop's luma, a measure of fine detail. */
export const sharpnessOf = (crop: Pixels): number => {
  const gray = luma(crop);
  const { width, height } = crop;
  let sum = 0;
  let squares = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let i = y * width + 1; i < (y + 1) * width - 1; i++) {
      const value = 4 * gray[i]! - gray[i - 1]! - gray[i + 1]! - gray[i - width]! - gray[i + width]!;
      sum += value;
      squares += value * value;
    }
  }
  const count = (width - 2) * (height - 2);
  return squares / count - (sum / count) ** 2;
};
