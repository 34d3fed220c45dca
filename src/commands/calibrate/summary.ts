import {
  type Calibration,
  type CurvePoint,
  type Recommendation,
  strangersNeeded,
} from '../../calibration/calibration.ts';
import type { LeftOut } from '../../calibration/faces.ts';
import { percent } from '../../calibration/plot.ts';
import { table } from '../program/table.ts';

/**
 * A curve for the terminal: what was measured, some points, and the recommended threshold.
 *
 * @param target the false positive rate that the recommendation is for.
 */
export const summaryOf = (
  calibration: Calibration,
  points: readonly CurvePoint[],
  recommended: Recommendation | null,
  target: number,
  leftOut: readonly LeftOut[],
): string => {
  const { source, people, photos, probes, strangers, sampled, model_id, id } = calibration;
  const rows = shownPoints(points, recommended).map((point) => ({
    threshold: Math.round(point.threshold * 1000) / 1000,
    'strangers taken for somebody': point.false_positives,
    FPIR: percent(point.fpir),
    'known people found': point.hits,
    'hit rate': point.hit_rate === null ? '' : percent(point.hit_rate),
    'wrong names': point.wrong_names,
    '': point.threshold === recommended?.threshold ? '<- recommended' : '',
  }));
  return [
    `Measured on ${source}: ${photos} photos of ${people} people, model ${model_id}.`,
    `${probes} of them were searched for their person, and ${strangers} faces as strangers.${sampled ? ' Not all: a sample (--max-probes).' : ''}`,
    ...leftOut.slice(0, 20).map(({ file, why }) => `left out: ${file}: ${why}`),
    ...(leftOut.length > 20 ? [`left out: ${leftOut.length - 20} more`] : []),
    `\n${table(rows)}\n`,
    advice(recommended, strangers, target),
    `Calibration ${id}.`,
  ].join('\n');
};

const advice = (recommended: Recommendation | null, strangers: number, target: number): string => {
  if (strangers < strangersNeeded(target)) {
    return [
      `No threshold is recommended: an FPIR of ${percent(target)} takes ${strangersNeeded(target)} strangers to measure, and there were ${strangers}. No list follows this curve for such a rate.`,
      `Give more (--strangers DIR, --strangers-since TIME)${strangers > 1 ? `, or ask for a rate that so few can measure: --target-fpir ${Math.ceil(1000 / strangers) / 1000}` : ''}.`,
    ].join('\n');
  }
  if (!recommended) {
    return `No threshold keeps to an FPIR of ${percent(target)}: is somebody enrolled twice, under two names?`;
  }
  const { threshold, false_positives, fpir_at_most } = recommended;
  return [
    `For an FPIR of ${percent(target)} take the threshold ${Math.round(threshold * 1000) / 1000}: ${false_positives} of ${strangers} strangers reached it, so in truth up to ${percent(fpir_at_most)} may (95%).`,
    `To be sure of ${percent(target)}, none of ${Math.ceil(3 / target)} strangers may reach it.`,
  ].join('\n');
};

/** About a dozen points, from half of the strangers taken for somebody to half of the people found, and the recommended one. */
const shownPoints = (points: readonly CurvePoint[], recommended: Recommendation | null): CurvePoint[] => {
  const first = points.find((point) => point.fpir < 0.5)?.threshold ?? 0;
  const last =
    points.findLast((point) => (point.hit_rate ?? point.fpir) > 0.5 || point.fpir > 0)?.threshold ?? 1;
  const step = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05].find((one) => (last - first) / one <= 14) ?? 0.1;
  return points.filter(
    ({ threshold }) =>
      threshold === recommended?.threshold ||
      (threshold >= first - step &&
        threshold <= last + step &&
        Math.abs(threshold / step - Math.round(threshold / step)) < 1e-4),
  );
};
