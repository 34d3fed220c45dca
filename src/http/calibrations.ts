import { Hono } from 'hono';
import { z } from 'zod';
import { readCalibrations, readCurve, recommend, strangersNeeded } from '../calibration/calibration.ts';
import { plot } from '../calibration/plot.ts';
import { WatchpostError } from '../errors.ts';
import { nextOf, pageLimit, share } from '../fields.ts';
import { readQuery } from './body.ts';
import type { Served, Services } from './services.ts';

const query = z.strictObject({
  target_fpir: share.default(0.003),
});

const page = z.strictObject({ after: z.guid().optional(), limit: pageLimit });

/** GET /v1/calibrations, /v1/calibrations/{id} and /v1/calibrations/{id}.svg: measured error rates by threshold. */
export const calibrations = ({ database }: Services) =>
  new Hono<Served>()
    .get('/', async (c) => {
      const wanted = readQuery(c, page);
      const found = await readCalibrations(database, wanted);
      return c.json({ calibrations: found, next: nextOf(found, wanted.limit, ({ id }) => id) });
    })
    .get('/:file', async (c) => {
      const file = c.req.param('file');
      const id = file.replace(/\.svg$/, '');
      if (!z.guid().safeParse(id).success) {
        throw new WatchpostError('id_invalid', `${JSON.stringify(id)} is not a UUID.`);
      }
      const { target_fpir } = readQuery(c, query);
      const { calibration, points } = await readCurve(database, id);
      const recommended = await recommend(database, id, target_fpir);
      if (file === id) {
        return c.json({
          ...calibration,
          recommended,
          strangers_needed: strangersNeeded(target_fpir),
          points,
        });
      }
      return c.body(plot(calibration, points, recommended), 200, { 'content-type': 'image/svg+xml' });
    });
