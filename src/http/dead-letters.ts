import { Hono } from 'hono';
import { type NotNull, sql } from 'kysely';
import { z } from 'zod';
import { nextOf, pageLimit } from '../fields.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { deadLetterPage, replayed } from './schemas/tasks.ts';
import type { Served } from './services.ts';

const page = z.strictObject({ after: z.guid().optional(), limit: pageLimit });

/** GET /v1/dead-letters lists the events that were given up, latest first; POST /v1/dead-letters/{id}/replay tries one again. */
export const deadLetters = () =>
  new Hono<Served>()
    .get(
      '/',
      operation({
        summary: 'List the events that were given up, the latest first',
        scope: 'administer',
        query: page,
        answers: { 200: deadLetterPage },
      }),
      async (c) => {
        const { after, limit } = c.req.valid('query');
        const letters = await c
          .get('db')
          .selectFrom('watchpost.dead_letter')
          .selectAll()
          .$if(after !== undefined, (q) => q.where('id', '<', after as string))
          .orderBy('id', 'desc')
          .limit(limit)
          .$narrowType<{
            id: NotNull;
            event_id: NotNull;
            topic: NotNull;
            task: NotNull;
            attempts: NotNull;
            died_at: NotNull;
          }>()
          .execute();
        return c.json({ dead_letters: letters, next: nextOf(letters, limit, ({ id }) => id) });
      },
    )
    .post(
      '/:id/replay',
      operation({
        summary: 'Try a dead letter again',
        scope: 'administer',
        answers: { 202: replayed },
        errors: ['dead_letter_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        const { rows } = await asCaller(c, (trx) =>
          sql<{ replayed: boolean }>`select watchpost.replay(${id}) as replayed`.execute(trx),
        );
        return c.json({ replayed: rows[0]?.replayed ?? false }, 202);
      },
    );
