import { type Kysely, sql } from 'kysely';
import type { Registry } from 'prom-client';
import type { Database } from '../../database/pool.ts';
import type { DB } from '../../database/types.generated.ts';
import type { Log } from '../../log.ts';
import { readTasks, readWorkers } from '../pipeline.ts';
import { databaseMetrics } from './catalogue.ts';

type Of = ReturnType<typeof databaseMetrics>;

/** Reading the invariants compares a day of rows, 200 ms on a large database: so many times less often than all else. */
const rarely = 60;

/**
 * The metrics that are read from the database when somebody asks for them.
 *
 * @param options.keptMs for so long an answer is kept, so that two that scrape cost no more than one.
 */
export const installationMetrics = (
  database: Database,
  registry: Registry,
  { log, keptMs = 5_000 }: { log: Log; keptMs?: number },
) => {
  const all = databaseMetrics([registry]);
  const { db } = database;
  let readAt = Number.NEGATIVE_INFINITY;
  let invariantsAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | undefined;

  const readAll = async () => {
    const due = performance.now() - invariantsAt >= keptMs * rarely;
    try {
      await Promise.all([
        readPipelineInto(all, db),
        readCamerasInto(all, db),
        readSourcesInto(all, db),
        readBridgesInto(all, db),
        readSnapshotInto(all, db),
        readAlarmsInto(all, db),
        due ? readInvariantsInto(all, db) : undefined,
      ]);
      if (due) invariantsAt = performance.now();
      readAt = performance.now();
      all.readable.set(1);
    } catch (error) {
      log.debug({ reason: String(error) }, 'metrics of the database cannot be read now');
      // Figures of the past would look like figures of now.
      for (const metric of Object.values(all)) metric.reset();
      invariantsAt = Number.NEGATIVE_INFINITY;
      all.readable.set(0);
    }
  };

  return {
    async read(): Promise<void> {
      if (performance.now() - readAt < keptMs) return;
      reading ??= readAll().finally(() => {
        reading = undefined;
      });
      await reading;
    },
  };
};

const readPipelineInto = async (all: Of, db: Kysely<DB>): Promise<void> => {
  const [tasks, workers] = await Promise.all([readTasks(db), readWorkers(db)]);
  // A consumer that was removed has no figures any more.
  for (const one of [all.waiting, all.oldest, all.running, all.retrying, all.letters, all.paused])
    one.reset();
  for (const { task, waiting, oldest_seconds, running, retries, dead_letters, paused_at } of tasks) {
    all.waiting.set({ task }, waiting);
    all.oldest.set({ task }, oldest_seconds ?? 0);
    all.running.set({ task }, running);
    all.retrying.set({ task }, retries);
    all.letters.set({ task }, dead_letters);
    all.paused.set({ task }, paused_at ? 1 : 0);
  }
  for (const state of ['alive', 'silent', 'lost'] as const) {
    const those = workers.filter((one) => one.state === state && one.concurrency > 0);
    all.workers.set({ state }, those.length);
  }
  all.heartbeats.reset();
  for (const { host, pid, last_seen, state } of workers) {
    if (state !== 'lost')
      all.heartbeats.set({ host, pid }, Math.max(0, (Date.now() - last_seen.getTime()) / 1000));
  }
};

const readCamerasInto = async (all: Of, db: Kysely<DB>): Promise<void> => {
  const { rows } = await sql<{ site: string; camera: string; seconds: number }>`
    select c.site, c.name as camera, extract(epoch from clock_timestamp() - c.last_image_at)::float8 as seconds
    from watchpost.camera_silence as c
  `.execute(db);
  all.cameras.reset();
  for (const { site, camera, seconds } of rows) all.cameras.set({ site, camera }, Math.max(0, seconds));
};

const readSourcesInto = async (all: Of, db: Kysely<DB>): Promise<void> => {
  const { rows } = await sql<{
    site: string;
    camera: string;
    watched: boolean;
    read: number;
    submitted: number;
    known: number;
    dropped: number;
    reconnects: number;
  }>`
    select
      s.name as site, c.name as camera,
      coalesce(w.state = 'watching' and w.leased_until > clock_timestamp(), false) as watched,
      coalesce(w.read, 0)::float8 as read, coalesce(w.submitted, 0)::float8 as submitted,
      coalesce(w.known, 0)::float8 as known, coalesce(w.dropped, 0)::float8 as dropped, coalesce(w.reconnects, 0)::float8 as reconnects
    from watchpost.camera as c
    join watchpost.site as s on s.id = c.site_id
    left join watchpost.camera_watch as w on w.camera_id = c.id
    where c.source is not null
  `.execute(db);
  for (const one of [all.watched, all.frames, all.reconnects]) one.reset();
  for (const { site, camera, watched, reconnects, ...frames } of rows) {
    all.watched.set({ site, camera }, watched ? 1 : 0);
    all.reconnects.set({ site, camera }, reconnects);
    for (const outcome of ['read', 'submitted', 'known', 'dropped'] as const)
      all.frames.set({ site, camera, outcome }, frames[outcome]);
  }
};

const readBridgesInto = async (all: Of, db: Kysely<DB>): Promise<void> => {
  const { rows } = await sql<{
    bridge: string;
    connected: boolean;
    published: number;
    received: number;
    refused: number;
    waiting: number;
    lag: number;
  }>`
    select
      s.name as bridge, s.connected, s.published::float8 as published, s.received::float8 as received,
      s.refused::float8 as refused, s.waiting,
      greatest(0, coalesce(extract(epoch from clock_timestamp() - s.waiting_since), 0))::float8 as lag
    from watchpost.bridge_status as s
    where s.enabled
  `.execute(db);
  for (const one of [all.bridged, all.messages, all.unpublished, all.lag]) one.reset();
  for (const { bridge, connected, waiting, lag, ...messages } of rows) {
    all.bridged.set({ bridge }, connected ? 1 : 0);
    all.unpublished.set({ bridge }, waiting);
    all.lag.set({ bridge }, lag);
    for (const outcome of ['published', 'received', 'refused'] as const)
      all.messages.set({ bridge, outcome }, messages[outcome]);
  }
};

const readSnapshotInto = async (all: Of, db: Kysely<DB>): Promise<void> => {
  const { rows } = await sql<{ seconds: number | null }>`
    select extract(epoch from max(clock_timestamp() - h.since))::float8 as seconds from watchpost.vacuum_holder as h
  `.execute(db);
  all.snapshot.set(Math.max(0, rows[0]?.seconds ?? 0));
};

const readInvariantsInto = async (all: Of, db: Kysely<DB>): Promise<void> => {
  const { rows } = await sql`select from watchpost.invariant limit 100`.execute(db);
  all.invariants.set(rows.length);
};

const readAlarmsInto = async (all: Of, db: Kysely<DB>): Promise<void> => {
  const { rows } = await sql<{ kind: string; open: number }>`
    select k.kind, count(a.id)::integer as open
    from unnest(array['camera.silent', 'backlog.old', 'worker.lost', 'vacuum.held']) as k (kind)
    left join watchpost.alarm as a on a.kind = k.kind and a.until is null
    group by k.kind
  `.execute(db);
  for (const { kind, open } of rows) all.alarms.set({ kind }, open);
};
