import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { stages } from '../stages/index.ts';
import { findVacuumHolders, type VacuumHolder } from './vacuum-holders.ts';

/** How one task stands: a row of watchpost.pipeline. */
export interface TaskState {
  readonly task: string;
  /** Whether new events are handed to it. */
  readonly enabled: boolean;
  /** Null: it is not paused. */
  readonly paused_at: Date | null;
  /** Events that came to an end. */
  readonly done_last_minute: number;
  /** Events a second, over one minute and over ten. */
  readonly rate_1m: number;
  readonly rate_10m: number;
  /** Events that nobody has begun, and those that a worker has in hand. */
  readonly waiting: number;
  readonly running: number;
  /** How long ago the oldest waiting event was written; null: none waits. */
  readonly oldest_seconds: number | null;
  /** Durations of the last ten minutes; null: nothing was handled. */
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  /** Events that have failed and wait to be tried again. */
  readonly retries: number;
  readonly dead_letters: number;
}

/** A process that has not stopped in order. */
export interface WorkerState {
  readonly id: string;
  /** alive; silent: its heartbeat is late; lost: it was given up within the last hour, and what it had was released. */
  readonly state: 'alive' | 'silent' | 'lost';
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** Batches at a time; 0: it only serves the API. */
  readonly concurrency: number;
  readonly tasks: string[];
  readonly started_at: Date;
  readonly last_seen: Date;
  /** Events that it has in hand. */
  readonly running: number;
}

/** Something that the operator of the machines has to know of, and that is not over. */
export interface AlarmState {
  readonly id: string;
  readonly kind: 'camera.silent' | 'backlog.old' | 'worker.lost' | 'vacuum.held';
  /** The id of a camera or worker, a task, or a session. */
  readonly subject: string;
  readonly since: Date;
  readonly details: Record<string, unknown>;
}

/** The pipeline at one moment. */
export interface Pipeline {
  /** In the order in which a photo meets them. */
  readonly tasks: TaskState[];
  readonly workers: WorkerState[];
  /** What has held vacuum back for minutes. */
  readonly vacuum: VacuumHolder[];
  /** Those that are not over, the latest first; 100 at most. */
  readonly alarms: AlarmState[];
}

/** Seconds without a heartbeat after which a process counts as silent; heartbeats come every 5 s. */
const silentSeconds = 15;

/**
 * Reads how the pipeline stands. It takes a few ms, and some 100 where hundreds of thousands of events were handled in the
 * last ten minutes.
 *
 * @throws {WatchpostError} site_limited, for those who do not see everything: its numbers are of all sites.
 */
export const readPipeline = async (db: Kysely<DB>): Promise<Pipeline> => {
  await assertSeesAll(db);
  const [tasks, workers, vacuum, alarms] = await Promise.all([
    readTasks(db),
    readWorkers(db),
    findVacuumHolders(db),
    readAlarms(db),
  ]);
  return { tasks, workers, vacuum, alarms };
};

/** @throws {WatchpostError} site_limited, for those who do not see all sites, to which the pipeline and the record belong. */
export const assertSeesAll = async (db: Kysely<DB>): Promise<void> => {
  const { rows } = await sql<{ all: boolean }>`select watchpost.sees_all() as all`.execute(db);
  if (rows[0]?.all) return;
  throw new WatchpostError(
    'site_limited',
    'The pipeline and the record are of all sites, and this caller does not see all of them.',
  );
};

/** The state of each task, in the order in which a photo meets them, then those of consumers that users have added. */
export const readTasks = async (db: Kysely<DB>): Promise<TaskState[]> => {
  const { rows } = await sql<TaskState>`
    select
      p.task, p.enabled, p.paused_at, p.done_last_minute, p.rate_1m, p.rate_10m, p.waiting, p.running,
      extract(epoch from p.oldest_age)::float8 as oldest_seconds, p.p50_ms, p.p95_ms, p.retries, p.dead_letters
    from watchpost.pipeline as p
  `.execute(db);
  const order = new Map(stages.map(({ task }, place) => [task, place]));
  const placeOf = ({ task }: TaskState) => order.get(task) ?? stages.length;
  return rows.toSorted((a, b) => placeOf(a) - placeOf(b));
};

/** The processes that have not stopped in order, the longest running first. */
export const readWorkers = async (db: Kysely<DB>): Promise<WorkerState[]> => {
  const { rows } = await sql<WorkerState>`
    select
      w.id,
      case
        when w.lost_at is not null then 'lost'
        when w.last_seen < clock_timestamp() - make_interval(secs => ${silentSeconds}) then 'silent'
        else 'alive'
      end as state,
      w.host, w.pid, w.version, w.concurrency, w.tasks, w.started_at, w.last_seen,
      coalesce(c.running, 0)::integer as running
    from watchpost.worker as w
    left join lateral (
      select sum(cardinality(c.events)) as running from watchpost.claim as c where c.worker_id = w.id
    ) as c on true
    where w.stopped_at is null and (w.lost_at is null or w.lost_at > clock_timestamp() - interval '1 hour')
    order by w.started_at, w.id
  `.execute(db);
  return rows;
};

const readAlarms = async (db: Kysely<DB>): Promise<AlarmState[]> => {
  const { rows } = await sql<AlarmState>`
    select a.id, a.kind, a.subject, a.since, a.details
    from watchpost.alarm as a
    where a.until is null
    order by a.id desc
    limit 100
  `.execute(db);
  return rows;
};
