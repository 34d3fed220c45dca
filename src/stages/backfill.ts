import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql, type Transaction } from 'kysely';
import { z } from 'zod';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { compareMatches, searchFaces, supersedeMatches, writeMatches } from '../watchlist/matching.ts';
import type { Searched } from '../watchlist/ranking.ts';
import { type Item, type Replayable, type Stage, settle } from './stage.ts';

/** A backfill that goes on, or what makes one: a photo was added or taken back, somebody was listed, or said not to be. */
const payload = z.union([
  z.object({ backfill_id: z.uuid(), cursor: z.uuid().nullish() }),
  z.object({ person_id: z.uuid(), reference_id: z.uuid() }),
  z.object({ person_id: z.uuid(), reference_ids: z.array(z.uuid()) }),
  z.object({ person_id: z.uuid(), cannot_link_id: z.uuid(), taken_back: z.boolean().optional() }),
  z.object({ person_id: z.uuid(), watchlist_id: z.uuid() }),
]);
type Payload = z.infer<typeof payload>;

/** What an event asks for: a backfill to be made, or the next batch of one. */
type Result = { readonly begin: Beginning } | { readonly backfillId: string; readonly batch: Batch };

interface Beginning {
  readonly reason: 'enrolled' | 'listed' | 'removed' | 'cannot_link';
  readonly personId: string;
  readonly referenceIds: readonly string[];
  /** The event that asks for it; of several the first. */
  readonly eventId: string;
}

interface Batch {
  /** Past embeddings that were compared with the person. */
  readonly looked_at: number;
  /** Those that are near enough, searched again. */
  readonly searched: readonly Searched[];
  readonly next_cursor: string | null;
}

/** How much one batch may do; a test asks for little. */
export interface BatchSize {
  /** Past embeddings that one batch compares with the person. */
  readonly scan: number;
  /** Faces that one batch searches again; twice as many where it is halved. */
  readonly most: number;
  /** From so many past faces on, and while no photo came for so many seconds, two sessions look at half a batch each. */
  readonly halved: { readonly from: number; readonly quiet: number };
  /** The embeddings that one batch compares while photos come: then it rests for four times as long as that took. */
  readonly sparing: number;
}

/**
 * Comparing a million vectors of 512 numbers takes 0.4 s, so that a batch begins anew within a second if its worker dies,
 * and most pasts are one batch. 200 faces searched again are as many as three live jobs.
 */
const usual: BatchSize = {
  scan: 2_000_000,
  most: 200,
  halved: { from: 100_000, quiet: 2 },
  sparing: 100_000,
};

/**
 * person.enrolled, watchlist.person_added, photo.removed, cannot_link.added and .removed -> backfill -> match: searches the faces of
 * the past again for one person, newest first. Its states:
 *
 *   begun      a row of `backfill` is there, and an event backfill.continued.
 *   batch      past faces that are near enough to the person are searched again, by the same match as live ones; what
 *              comes out differently is superseded and written anew, marked as retroactive.
 *   continued  the cursor moves on, and another event asks for the next batch: so it is resumed wherever it was cut off,
 *              and each batch is done once, behind the fence.
 *   finished   there are no older faces left.
 *
 * No face is missed between the past and the present: whatever is compared after the person was there is compared with
 * them, and whatever was compared before is on record by the time the first batch looks, or is claimed by it.
 */
export const backfillOf = (size: BatchSize): Stage<Payload, Result> & Replayable<Payload, Result> => ({
  task: 'backfill',
  payload,

  async work(items, { database, vision }) {
    const results: PromiseSettledResult<Result>[] = [];
    for (const item of items) {
      const batch =
        'backfill_id' in item
          ? await searchBatch(database.sweep, item, size, vision.embedder.minimalNorm)
          : undefined;
      results.push(
        settle(() => {
          if (!('backfill_id' in item)) return { begin: beginningOf(item) };
          if (!batch) throw new WatchpostError('row_missing', `The backfill ${item.backfill_id} is gone.`);
          return { backfillId: item.backfill_id, batch };
        }),
      );
    }
    return results;
  },

  async write(trx, finished) {
    for (const begin of grouped(
      finished.flatMap(({ result }) => ('begin' in result ? [result.begin] : [])),
    )) {
      await sql`
        select watchpost.begin_backfill(
          ${begin.reason}, ${begin.personId}, ${begin.referenceIds}::uuid[], ${begin.eventId}
        )
      `.execute(trx);
    }
    for (const { result } of finished) {
      if ('begin' in result) continue;
      const found = await matchAgain(trx, result.batch.searched);
      await sql`
        select watchpost.continue_backfill(
          ${result.backfillId}, ${result.batch.looked_at}, ${found}, ${result.batch.next_cursor}
        )
      `.execute(trx);
    }
  },

  // What a backfill has found is replayed by the task match.
  async compare(_, finished) {
    return finished.map(() => ({ same: true, gained: 0, lost: 0 }));
  },

  async supersede() {},
});

/** The search of the past, in batches of the usual size. */
export const backfill = backfillOf(usual);

const beginningOf = (item: Item<Exclude<Payload, { backfill_id: string }>>): Beginning => {
  const of = (reason: Beginning['reason'], referenceIds: readonly string[] = []) => ({
    reason,
    personId: item.person_id,
    referenceIds,
    eventId: item.event_id,
  });
  if ('reference_id' in item) return of('enrolled', [item.reference_id]);
  if ('reference_ids' in item) return of('removed', item.reference_ids);
  // Its like was held off too, also in photos that the person was never found in: all past faces are looked at.
  if ('cannot_link_id' in item) return of(item.taken_back ? 'listed' : 'cannot_link');
  return of('listed');
};

/** Several photos of one person that come together are searched for together. */
const grouped = (beginnings: readonly Beginning[]): Beginning[] => {
  const groups = new Map<string, Beginning>();
  for (const one of beginnings) {
    const key = `${one.reason} ${one.personId}`;
    const earlier = groups.get(key) ?? { ...one, referenceIds: [] };
    groups.set(key, { ...earlier, referenceIds: [...earlier.referenceIds, ...one.referenceIds] });
  }
  return [...groups.values()];
};

type Continued = { readonly backfill_id: string; readonly cursor?: string | null | undefined };

const searchBatch = async (
  db: Kysely<DB>,
  { backfill_id, cursor = null }: Continued,
  { scan, most, halved, sparing }: BatchSize,
  minimalNorm: number,
): Promise<Batch | undefined> => {
  // Each half searches again what it has found: an index over 250,000 people takes 40 ms a face.
  const search = async (
    below: string | null,
    from: string | null,
    atMost = scan,
  ): Promise<Batch | undefined> => {
    const { rows } = await sql<{
      person: string;
      embeddings: string[];
      looked_at: number;
      next_cursor: string | null;
    }>`
      select b.person_id as person, n.embeddings, n.searched as looked_at, n.next_cursor
      from watchpost.backfill as b
      cross join lateral watchpost.next_past_faces(b.id, ${below}::uuid, ${atMost}, ${most}, ${from}::uuid) as n
      where b.id = ${backfill_id}
    `.execute(db);
    if (!rows[0]) return undefined;
    const { person, embeddings, looked_at, next_cursor } = rows[0];
    const searches = await searchFaces(db, embeddings, minimalNorm, { besides: person });
    return { looked_at, searched: [...searches.values()], next_cursor };
  };
  const { rows } = await sql<{ live: boolean; middle: string | null }>`
    select
      watchpost.is_live(q.quiet) as live,
      watchpost.middle_of_past(${backfill_id}, ${cursor}::uuid, ${scan}, ${halved.from}, q.quiet) as middle
    from (select make_interval(secs => ${halved.quiet}) as quiet) as q
  `.execute(db);
  const { live = false, middle = null } = rows[0] ?? {};
  if (live) {
    const begun = performance.now();
    const batch = await search(cursor, null, Math.min(scan, sparing));
    await sleep(4 * (performance.now() - begun));
    return batch;
  }
  if (!middle) return search(cursor, null);
  const [newer, older] = await Promise.all([
    search(cursor, middle),
    search(middle, null, Math.ceil(scan / 2)),
  ]);
  // Where the newer half was not looked at to its end, the next batch goes on there.
  if (!newer || !older || newer.next_cursor) return newer;
  return {
    looked_at: newer.looked_at + older.looked_at,
    searched: [...newer.searched, ...older.searched],
    next_cursor: older.next_cursor,
  };
};

/**
 * Writes what comes out differently, and a first search for those that had none; returns the number of matches that are
 * new. A face whose own match was still to come is live, whoever finds it.
 */
const matchAgain = async (trx: Transaction<DB>, searched: readonly Searched[]): Promise<number> => {
  if (searched.length === 0) return 0;
  const { rows } = await sql<{ embedding_id: string }>`
    select c.embedding_id
    from watchpost.claim_unsearched(${searched.map(({ nearest }) => nearest.embedding_id)}::uuid[]) as c (embedding_id)
  `.execute(trx);
  const claimed = new Set(rows.map((row) => row.embedding_id));
  const live = searched.filter(({ nearest }) => claimed.has(nearest.embedding_id));
  const past = searched.filter(({ nearest }) => !claimed.has(nearest.embedding_id));

  const changes = await compareMatches(trx, past);
  const differing = past.filter((_, index) => !changes[index]?.same);
  if (differing.length > 0) {
    await supersedeMatches(
      trx,
      differing.map(({ nearest }) => nearest.embedding_id),
      'backfill',
    );
    await writeMatches(trx, differing, { retroactive: true });
  }
  const atOnce = live.length > 0 ? await writeMatches(trx, live, { retroactive: false }) : 0;
  return atOnce + changes.reduce((sum, change) => sum + change.gained, 0);
};
