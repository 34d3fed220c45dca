import { Hono } from 'hono';
import { z } from 'zod';
import { moment, nextOf, pageLimit, whole } from '../fields.ts';
import { limits } from '../limits.ts';
import { readPath, readPersonSightings } from '../watchlist/registry.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { personPath, personSightingPage } from './schemas/persons.ts';
import type { Served } from './services.ts';

const period = { since: moment.optional(), until: moment.optional() };
const sightings = z.strictObject({ ...period, after: z.guid().optional(), limit: pageLimit });
const path = z.strictObject({
  ...period,
  apart_seconds: whole(1, limits.intervalSeconds.max)
    .optional()
    .meta({ description: 'Sightings at one camera with more between them are two stays; default 1800.' }),
  limit: whole(1, limits.listItems.max).default(limits.listItems.max),
});

/** GET /v1/persons/{id}/sightings and /path: where somebody was seen. */
export const whereabouts = () =>
  new Hono<Served>()
    .get(
      '/:id/sightings',
      operation({
        summary: 'Where a person was seen, the latest sighting first',
        description:
          'One for each face, with the lists on which the person was found. since and until are of the photo.',
        scope: 'read',
        query: sightings,
        answers: { 200: personSightingPage },
        errors: ['person_unknown', 'face_unknown'],
      }),
      async (c) => {
        const { since, until, ...page } = c.req.valid('query');
        const found = await readPersonSightings(c.get('db'), idIn(c), { since, until }, page);
        return c.json({ sightings: found, next: nextOf(found, page.limit, (one) => one.face_id) });
      },
    )
    .get(
      '/:id/path',
      operation({
        summary: 'The path of a person: each stay before a camera, oldest first',
        description: 'Of many stays the latest; since and until choose others.',
        scope: 'read',
        query: path,
        answers: { 200: personPath },
        errors: ['person_unknown'],
      }),
      async (c) => c.json({ stays: await readPath(c.get('db'), idIn(c), c.req.valid('query')) }),
    );
