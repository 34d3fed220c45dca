import { z } from 'zod';
import { count, id, page, share, similarity, text, time } from './fields.ts';

const calibration = z
  .strictObject({
    id,
    model_id: text,
    source: text,
    people: count,
    photos: count,
    probes: count,
    strangers: count,
    sampled: z.boolean(),
    command: text,
    created_by: text,
    created_at: time,
  })
  .meta({ id: 'Calibration' });

export const calibrationPage = page('calibrations', calibration);

const point = z.strictObject({
  threshold: similarity,
  false_positives: count,
  hits: count,
  wrong_names: count,
  fpir: share,
  hit_rate: share.nullable(),
});

export const calibrationReport = calibration
  .extend({
    recommended: point.extend({ target_fpir: share, fpir_at_most: share }).nullable(),
    strangers_needed: count,
    points: z.array(point),
  })
  .meta({ id: 'CalibrationReport' });
