import { Hono } from 'hono';
import { z } from 'zod';
import { listOf, moment, name, nextOf, pageLimit, searchWord, token, whole } from '../fields.ts';
import { readRecurring, readStranger } from '../watchlist/strangers.ts';
import { transactions } from './as-caller.ts';
import { idIn, readJson, readQuery } from './body.ts';
import { enrolOrRefuse } from './enrol-stranger.ts';
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
});

const cropOf = (faceId: string) => `/v1/faces/${faceId}/crop`;

/** GET /v1/strangers lists recurring strangers, GET /v1/strangers/{id} the faces of one; POST …/person enrols one. */
export const strangers = ({ database }: Services) =>
  new Hono<Served>()
    .get('/', async (c) => {
      const wanted = readQuery(c, filter);
      const found = await readRecurring(database, wanted);
      return c.json({
        strangers: found.map((one) => ({ ...one, crop: cropOf(one.best_face_id) })),
        next: nextOf(found, wanted.limit, ({ id }) => id),
      });
    })
    .get('/:id', async (c) => {
      const { faces, ...stranger } = await readStranger(database, idIn(c));
      return c.json({
        ...stranger,
        faces: faces.map((face) => ({ ...face, crop: cropOf(face.face_id as string) })),
      });
    })
    .post('/:id/person', async (c) => {
      const id = idIn(c);
      const wanted = await readJson(c, newPerson);
      const transact = transactions(database, c.get('caller'));
      const personId = await enrolOrRefuse(database, transact, id, wanted, c.req.raw.signal);
      c.header('Location', `/v1/persons/${personId}`);
      return c.json({ person_id: personId }, 201);
    });
