import { Hono } from 'hono';
import { version } from '../version.ts';
import { operation } from './operation.ts';
import { healthy, ready } from './schemas/tasks.ts';
import type { Served, Services } from './services.ts';

/**
 * GET /healthz: the process answers. GET /readyz: its database has the schema and takes writes;
 * it also says how many workers are alive and what waits.
 */
export const health = ({ config, database, vision }: Services) =>
  new Hono<Served>()
    .get(
      '/healthz',
      operation({ summary: 'Whether the process answers', scope: null, answers: { 200: healthy } }),
      (c) => c.json({ status: 'ok' as const, version }),
    )
    .get(
      '/readyz',
      operation({
        summary:
          'Whether the database has the schema and takes writes, and what workers and backlog are like',
        scope: null,
        answers: { 200: ready },
      }),
      async (c) => {
        const { workers, waiting, oldest_seconds } = await readReadiness(database);
        return c.json({
          status: 'ready' as const,
          version,
          models: vision.models.map((model) => model.id),
          workers,
          waiting,
          oldest_seconds,
          warnings: warningsOf(workers, waiting, config.maxBacklog),
        });
      },
    );

interface Readiness {
  /** Workers that are alive. */
  readonly workers: number;
  /** Photos that nobody has begun to process, and how long ago the oldest of them was received; null: none waits. */
  readonly waiting: number;
  readonly oldest_seconds: number | null;
}

const readReadiness = async ({ pool }: Services['database']): Promise<Readiness> => {
  const { rows } = await pool.query<Readiness>({
    name: 'watchpost-ready',
    text: `
      select
        (
          select count(*)::integer
          from watchpost.worker as w
          where w.concurrency > 0 and w.stopped_at is null and w.lost_at is null
        ) as workers,
        count(*)::integer as waiting,
        extract(epoch from clock_timestamp() - watchpost.uuidv7_time(min(o.event_id::text collate "C")::uuid))::float8 as oldest_seconds
      from watchpost.outbox as o
      where o.task = 'detect'`,
  });
  return rows[0] as Readiness;
};

/** Nothing of this keeps the API from taking photos, so it is ready: who sends it calls would only lose them elsewhere. */
const warningsOf = (workers: number, waiting: number, maxBacklog: number): string[] => [
  ...(workers === 0 ? ['No worker is alive: photos wait.'] : []),
  ...(waiting >= maxBacklog ? ['As many photos wait as may: POST is refused with backlog_full.'] : []),
];
