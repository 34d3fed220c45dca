import { Hono } from 'hono';
import { type Kysely, sql } from 'kysely';
import { z } from 'zod';
import type { DB } from '../database/types.generated.ts';
import type { Page } from '../fields.ts';
import { listing, single } from './listing.ts';
import { worker } from './schemas/seen.ts';
import type { Served } from './services.ts';

const filter = z.strictObject({ state: z.enum(['running', 'stopped', 'lost']).optional() });

const state = sql<'running' | 'stopped' | 'lost'>`case
  when stopped_at is not null then 'stopped'
  when lost_at is not null then 'lost'
  else 'running'
end`;

const readWorkers = (
  db: Kysely<DB>,
  wanted: z.output<typeof filter> & Page & { readonly id?: string | undefined },
) =>
  db
    .selectFrom('watchpost.worker')
    .select(['id', state.as('state'), 'host', 'pid', 'version', 'concurrency', 'tasks', 'models'])
    .select(['started_at', 'last_seen', 'stopped_at', 'lost_at'])
    .$if(wanted.id !== undefined, (q) => q.where('id', '=', wanted.id as string))
    .$if(wanted.state !== undefined, (q) => q.where(state, '=', wanted.state as 'running'))
    .$if(wanted.after !== undefined, (q) => q.where('id', '<', wanted.after as string))
    .orderBy('id', 'desc')
    .limit(wanted.limit)
    .execute();

/** GET /v1/workers lists the processes that run tasks or serve the API, GET /v1/workers/{id} has one. */
export const workers = () =>
  new Hono<Served>()
    .get(
      '/',
      ...listing({
        summary: 'List the processes that run tasks or serve the API, the latest first',
        scope: 'administer',
        name: 'workers',
        item: worker,
        filter,
        read: readWorkers,
      }),
    )
    .get(
      '/:id',
      ...single({
        summary: 'A process that runs tasks or serves the API',
        scope: 'administer',
        what: 'worker',
        item: worker,
        unknown: 'worker_unknown',
        read: readWorkers,
      }),
    );
