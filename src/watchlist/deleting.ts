import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql } from 'kysely';
import { toWatchpostError } from '../convert-error.ts';
import type { DB } from '../database/types.generated.ts';
import { isCollision } from '../database-errors.ts';

/** Deleting much: batch by batch, by the functions in sql/6-record/deleting.sql and its neighbours. */

/** Runs something in a transaction of its own, which the record attributes to whoever asked for it. */
export type Transact = <T>(run: (trx: Kysely<DB>) => Promise<T>) => Promise<T>;

/** Called after each batch, with the number of rows that it has deleted. */
export type OnDeleted = (rows: number) => void;

/**
 * Rows of a batch, and the milliseconds that one should take: what a batch locks, others wait for so long at most. While
 * photos arrive there is a pause after each batch, so that deleting takes a quarter of one core.
 */
const batch = { first: 20, most: 1_000, takesMs: 100, restsFor: 3, quiet: '2 seconds' };

/** Attempts at a batch that a concurrent transaction makes impossible, which then is another one. */
const mostAttempts = 8;

/**
 * Deletes batch after batch until nothing is left. What is interrupted can be called again.
 *
 * @param deleteSome deletes at most `most` rows, and returns how many it has deleted.
 * @returns how many rows.
 */
export const inBatches = async (
  transact: Transact,
  deleteSome: (trx: Kysely<DB>, most: number) => Promise<number>,
  onDeleted: OnDeleted,
): Promise<number> => {
  let most = batch.first;
  for (let deleted = 0; ; ) {
    const begun = performance.now();
    const { rows, live } = await again(() =>
      transact(async (trx) => ({ rows: await deleteSome(trx, most), live: await isLive(trx) })),
    );
    if (rows === 0) return deleted;
    deleted += rows;
    onDeleted(rows);
    const took = performance.now() - begun;
    most = Math.round(Math.min(Math.max((most * batch.takesMs) / took, 1, most / 4), most * 2, batch.most));
    if (live) await sleep(batch.restsFor * took);
  }
};

/** Repeats a batch that met a deadlock, or an alert that was raised meanwhile for one of its photos. */
export const again = async <T>(attempt: () => Promise<T>, attempts = mostAttempts): Promise<T> => {
  try {
    return await attempt();
  } catch (error) {
    const passes = isCollision(error) || toWatchpostError(error).code === 'evidence_kept';
    if (!passes || attempts === 1) throw error;
    return again(attempt, attempts - 1);
  }
};

/** Pauses after a batch that took so many milliseconds, if photos arrive. */
export const restIfLive = async (transact: Transact, tookMs: number): Promise<void> => {
  if (await transact(isLive)) await sleep(batch.restsFor * tookMs);
};

const isLive = async (trx: Kysely<DB>): Promise<boolean> => {
  const { rows } = await sql<{ live: boolean }>`
    select watchpost.is_live(${batch.quiet}::interval) as live
  `.execute(trx);
  return rows[0]?.live ?? false;
};

/** Which photos: those of cameras, captured before `until`. */
export interface PhotoSelection {
  /** A camera's id. */
  readonly camera?: string | undefined;
  /** ISO 8601. */
  readonly since?: string | undefined;
  readonly until: string;
}

/** How many photos can be deleted, and how many stay for which reason: see watchpost.reason_to_keep(). */
export interface PhotoCount {
  readonly deletable: number;
  readonly in_alerts: number;
  readonly enrolling: number;
  readonly in_cannot_links: number;
}

/** Counts the photos that deletePhotos() would delete, and those it would keep. */
export const countPhotos = async (
  db: Kysely<DB>,
  { camera, since, until }: PhotoSelection,
): Promise<PhotoCount> => {
  const { rows } = await sql<PhotoCount>`
    select
      c.deletable::integer, c.in_alerts::integer, c.enrolling::integer, c.in_cannot_links::integer
    from watchpost.count_images(
      ${until}::timestamptz, ${since ?? null}::timestamptz, ${camera ?? null}::uuid
    ) as c
  `.execute(db);
  return rows[0] as PhotoCount;
};

/**
 * Deletes photos with their faces and searches. Those that alerts rest on, that enrol somebody or that a cannot_link
 * names stay.
 *
 * @returns how many were deleted.
 */
export const deletePhotos = async (
  transact: Transact,
  { camera, since, until }: PhotoSelection,
  onDeleted: OnDeleted = () => {},
): Promise<number> => {
  let after: string | null = null;
  const pass = () =>
    inBatches(
      transact,
      async (trx, most) => {
        const { rows } = await sql<{ deleted: number; reached: string | null }>`
          select * from watchpost.delete_images(
            ${until}::timestamptz, ${since ?? null}::timestamptz, ${camera ?? null}::uuid, ${most}, ${after}::uuid
          )
        `.execute(trx);
        after = rows[0]?.reached ?? after;
        return rows[0]?.deleted ?? 0;
      },
      onDeleted,
    );
  let total = 0;
  // A pass leaves out what is being written to, so the last one finds nothing.
  for (let deleted = await pass(); deleted > 0; deleted = await pass()) {
    total += deleted;
    after = null;
  }
  return total;
};

/** What a list or a person leads to, and is deleted with it. */
export interface History {
  /** On lists. */
  readonly entries: number;
  readonly alerts: number;
  readonly matches: number;
  /** Submitted to enrol the person. */
  readonly photos: number;
}

/** Counts what is deleted with a list or a person. */
export const countHistory = async (
  db: Kysely<DB>,
  of: { watchlist: string } | { person: string },
): Promise<History> => {
  const [person, watchlist] = 'person' in of ? [of.person, null] : [null, of.watchlist];
  const { rows } = await sql<History>`
    select c.entries::integer, c.alerts::integer, c.matches::integer, c.photos::integer
    from watchpost.count_history(${person}::uuid, ${watchlist}::uuid) as c
  `.execute(db);
  return rows[0] as History;
};

/** Deletes what a list or a person leads to, batch by batch; then the row itself is deleted in little time. */
export const deleteHistory = (
  transact: Transact,
  of: { watchlist: string } | { person: string },
  onDeleted: OnDeleted,
): Promise<number> =>
  inBatches(
    transact,
    async (trx, most) => {
      const query =
        'person' in of
          ? sql<{ n: number }>`select watchpost.clear_person(${of.person}, ${most}) as n`
          : sql<{ n: number }>`select watchpost.clear_watchlist(${of.watchlist}, ${most}) as n`;
      return (await query.execute(trx)).rows[0]?.n ?? 0;
    },
    onDeleted,
  );
