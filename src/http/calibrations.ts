import { Hono } from 'hono';
import { z } from 'zod';
import { readCalibrations, readCurve, recommend, strangersNeeded } from '../calibration/calibration.ts';
import { plot } from '../calibration/plot.ts';
import { WatchpostError } from '../errors.ts';
import { nextOf, pageLimit, share } from '../fields.ts';
import { operation } from './operation.ts';
import { calibrationPage, calibrationReport } from './schemas/calibrations.ts';
import type { Served } from './services.ts';

const query = z.strictObject({
  target_fpir: share.default(0.003),
});

const page = z.strictObject({ after: z.guid().optional(), limit: pageLimit });

/** GET /v1/calibrations, /v1/calibrations/{id} and /v1/calibrations/{id}.svg: measured error rates by threshold. */
export const calibrations = () =>
  new Hono<Served>()
    .get(
      '/',
      operation({
        summary: 'List calibrations, the latest first',
        scope: 'read',
        query: page,
        answers: { 200: calibrationPage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await readCalibrations(c.get('db'), wanted);
        return c.json({ calibrations: found, next: nextOf(found, wanted.limit, ({ id }) => id) });
      },
    )
    .get(
      '/:file',
      operation({
        summary: 'A calibration with its curve: {id} as JSON, {id}.svg as a picture',
        scope: 'read',
        query,
        answers: { 200: { type: 'image/svg+xml', json: calibrationReport } },
        errors: ['id_invalid', 'calibration_unknown'],
      }),
      async (c) => {
        const file = c.req.param('file');
        const id = file.replace(/\.svg$/, '');
        if (!z.guid().safeParse(id).success) {
          throw new WatchpostError('id_invalid', `${JSON.stringify(id)} is not a UUID.`);
        }
        const { target_fpir } = c.req.valid('query');
        const { calibration, points } = await readCurve(c.get('db'), id);
        const recommended = await recommend(c.get('db'), id, target_fpir);
        if (file === id) {
          return c.json({
            ...calibration,
            recommended,
            strangers_needed: strangersNeeded(target_fpir),
            points,
          });
        }
        return c.body(plot(calibration, points, recommended), 200, { 'content-type': 'image/svg+xml' });
      },
    );
