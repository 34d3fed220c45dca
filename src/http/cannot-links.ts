import { Hono } from 'hono';
import { z } from 'zod';
import { text } from '../fields.ts';
import { addCannotLink, readCannotLinks, removeCannotLink } from '../watchlist/registry.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { cannotLink, cannotLinks as listed } from './schemas/persons.ts';
import type { Served } from './services.ts';

const newLink = z
  .strictObject({ face_id: z.guid().optional(), person_id: z.guid().optional(), reason: text.optional() })
  .refine((wanted) => (wanted.face_id === undefined) !== (wanted.person_id === undefined), {
    error: 'give either face_id or person_id',
  });

/** GET and POST /v1/persons/{id}/cannot-links, DELETE …/{link}: what is said not to be a person. */
export const cannotLinks = () =>
  new Hono<Served>()
    .get(
      '/:id/cannot-links',
      operation({
        summary: 'The faces and people that are said not to be this person',
        scope: 'read',
        answers: { 200: listed },
        errors: ['person_unknown'],
      }),
      async (c) => c.json({ cannot_links: await readCannotLinks(c.get('db'), idIn(c)) }),
    )
    .post(
      '/:id/cannot-links',
      operation({
        summary: 'Say that a face, or another person, is not this person',
        description:
          'Matches that contradict it are withdrawn, with their alerts. Said again it is the same one, answered with 200.',
        scope: 'enrol',
        body: newLink,
        creates: true,
        answers: { 200: cannotLink, 201: cannotLink },
        errors: ['person_unknown', 'face_unknown', 'cannot_link_self'],
      }),
      async (c) => {
        const id = idIn(c);
        const { face_id, person_id = '', reason } = c.req.valid('json');
        const other =
          face_id === undefined ? { person: person_id.toLowerCase() } : { face: face_id.toLowerCase() };
        const { link, added } = await asCaller(c, (trx) => addCannotLink(trx, id, other, reason));
        return c.json(link, added ? 201 : 200);
      },
    )
    .delete(
      '/:id/cannot-links/:link',
      operation({
        summary: 'Take back that a face or a person is not this person',
        description: 'Matches and alerts that only it had withdrawn are restored.',
        scope: 'enrol',
        answers: { 204: null },
        errors: ['person_unknown', 'cannot_link_unknown', 'match_ruled_out'],
      }),
      async (c) => {
        const [id, link] = [idIn(c), idIn(c, 'link')];
        await asCaller(c, (trx) => removeCannotLink(trx, id, link));
        return c.body(null, 204);
      },
    );
