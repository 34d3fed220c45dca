import { Hono } from 'hono';
import { z } from 'zod';
import { legalBasis, listOf, moment, name, nextOf, pageLimit, searchWord, token, whole } from '../fields.ts';
import { acceptable } from '../watchlist/enrolment.ts';
import { readRecurring, readStranger } from '../watchlist/strangers.ts';
import { transactions } from './as-caller.ts';
import { idIn } from './body.ts';
import { cropPath } from './crop-path.ts';
import { enrolOrRefuse } from './enrol-stranger.ts';
import { operation } from './operation.ts';
import * as answer from './schemas/strangers.ts';
import type { Served, Services } from './services.ts';

const filter = z.strictObject({
  visits: whole(1, 1_000_000).default(2),
  since: moment.optional(),
  after: z.guid().optional(),
  limit: pageLimit,
});

const newPerson = z.strictObject({
  name,
  external_ref: token.optional(),
  watchlists: listOf(searchWord).optional(),
  legal_basis: legalBasis.optional(),
});

/** GET /v1/strangers lists recurring strangers, GET /v1/strangers/{id} the faces of one; POST …/person enrols one. */
export const strangers = ({ database }: Services) =>
  new Hono<Served>()
    .get(
      '/',
      operation({
        summary: 'List recurring strangers, those with most visits first',
        scope: 'read',
        query: filter,
        answers: { 200: answer.strangerPage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await readRecurring(c.get('db'), wanted);
        return c.json({
          strangers: found.map((one) => ({ ...one, crop: cropPath(one.best_face_id) })),
          next: nextOf(found, wanted.limit, ({ id }) => id),
        });
      },
    )
    .get(
      '/:id',
      operation({
        summary: 'A stranger with their faces, the latest first',
        scope: 'read',
        answers: { 200: answer.strangerReport },
        errors: ['stranger_unknown'],
      }),
      async (c) => {
        const { faces, ...stranger } = await readStranger(c.get('db'), idIn(c));
        return c.json({
          ...stranger,
          faces: faces.map((face) => ({ ...face, crop: cropPath(face.face_id) })),
        });
      },
    )
    .post(
      '/:id/person',
      operation({
        summary: 'Enrol a stranger as a person',
        scope: 'enrol',
        body: newPerson,
        creates: true,
        answers: { 201: answer.enrolledStranger },
        errors: [
          'stranger_unknown',
          'stranger_named',
          'watchlist_unknown',
          'watchlist_required',
          'watchlist_expired',
          'face_taken',
          'face_unknown',
          'match_ruled_out',
          'name_taken',
          'legal_basis_invalid',
          // Whoever else deletes the person meanwhile.
          'photo_removed',
          // None of their faces can be enrolled.
          ...acceptable,
        ],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        const personId = await enrolOrRefuse(database, transactions(c), id, wanted, c.req.raw.signal);
        c.header('Location', `/v1/persons/${personId}`);
        return c.json({ person_id: personId }, 201);
      },
    );
