import { sql, type Transaction } from 'kysely';
import { z } from 'zod';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import type { Searched } from '../watchlist/ranking.ts';
import { type Batch, type BatchSize, searchBatch, usualSize } from './backfill-batch.ts';
import { compareMatches, supersedeMatches, writeMatches } from './match.ts';
import { type Item, type Replayable, type Stage, settle } from './stage.ts';

/**
 * The next batch of a backfill, or the reason for a new one: a photo was enrolled or removed, or a person was added
 * to a list, ruled out or no longer ruled out.
 */
const payload = z.union([
  z.object({ backfill_id: z.uuid(), cursor: z.uuid().nullish() }),
  z.object({ person_id: z.uuid(), reference_id: z.uuid() }),
  z.object({ person_id: z.uuid(), reference_ids: z.array(z.uuid()) }),
  z.object({ person_id: z.uuid(), cannot_link_id: z.uuid(), taken_back: z.boolean().optional() }),
  z.object({ person_id: z.uuid(), watchlist_id: z.uuid() }),
]);
type Payload = z.infer<typeof payload>;

/** The result for an event: a backfill to begin, or the next batch of one. */
type Result = { readonly begin: Beginning } | { readonly backfillId: string; readonly batch: Batch };

interface Beginning {
  readonly reason: 'enrolled' | 'listed' | 'removed' | 'cannot_link';
  readonly personId: string;
  readonly referenceIds: readonly string[];
  /** The event that asks for it; the first one, if several are combined. */
  readonly eventId: string;
}

/**
 * person.enrolled, watchlist.person_added, photo.removed, cannot_link.added and .removed -> backfill -> match:
 * searches past faces again for one person, newest first. The states of a backfill:
 *
 *   begun      there is a row in `backfill` and an event backfill.continued.
 *   batch      past faces near the person are searched again, by the same code as live ones. Results that differ are
 *              superseded and written again, marked as retroactive.
 *   continued  the cursor has moved, and another event asks for the next batch. So a backfill resumes after any
 *              interruption, and the fence lets each batch be written once.
 *   finished   there are no older faces.
 *
 * No face is missed between the past and the present: a face searched after the person was enrolled was compared with
 * them, and a face searched before is on record when the first batch reads it, or is claimed by that batch.
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
    for (const begin of byPerson(
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
          ${result.backfillId}, ${result.batch.compared}, ${found}, ${result.batch.next_cursor}
        )
      `.execute(trx);
    }
  },

  // Matches found by a backfill are replayed by the task match.
  async compare(_, finished) {
    return finished.map(() => ({ same: true, gained: 0, lost: 0 }));
  },

  async supersede() {},
});

/** The backfill stage, with batches of the usual size. */
export const backfill = backfillOf(usualSize);

const beginningOf = (item: Item<Exclude<Payload, { backfill_id: string }>>): Beginning => {
  const of = (reason: Beginning['reason'], referenceIds: readonly string[] = []) => ({
    reason,
    personId: item.person_id,
    referenceIds,
    eventId: item.event_id,
  });
  if ('reference_id' in item) return of('enrolled', [item.reference_id]);
  if ('reference_ids' in item) return of('removed', item.reference_ids);
  // A cannot_link also rules out faces like its own, even in photos in which the person was never found, so all past
  // faces are searched.
  if ('cannot_link_id' in item) return of(item.taken_back ? 'listed' : 'cannot_link');
  return of('listed');
};

/** Combines backfills that begin together for the same person and reason. */
const byPerson = (beginnings: readonly Beginning[]): Beginning[] => {
  const groups = new Map<string, Beginning>();
  for (const one of beginnings) {
    const key = `${one.reason} ${one.personId}`;
    const earlier = groups.get(key) ?? { ...one, referenceIds: [] };
    groups.set(key, { ...earlier, referenceIds: [...earlier.referenceIds, ...one.referenceIds] });
  }
  return [...groups.values()];
};

/**
 * Writes the results that differ from the standing ones, and the first search of faces that had none; those count as
 * live, whoever searches them.
 *
 * @returns the number of new matches.
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
  const liveMatches = live.length > 0 ? await writeMatches(trx, live, { retroactive: false }) : 0;
  return liveMatches + changes.reduce((sum, change) => sum + change.gained, 0);
};
