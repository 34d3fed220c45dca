import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { type BatchSize, type SearchedBatch, searchBatch, usualSize } from './backfill-batch.ts';
import { decidedSearch } from './match.ts';
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
type Result = { readonly begin: Beginning } | { readonly backfillId: string; readonly batch: SearchedBatch };

/** As watchpost.write_backfills() takes it. */
interface Beginning {
  readonly reason: 'enrolled' | 'listed' | 'removed' | 'cannot_link';
  readonly person_id: string;
  readonly reference_ids: readonly string[];
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

  write: {
    call: 'watchpost.write_backfills',
    parameters: (finished) => [
      JSON.stringify(
        finished.flatMap(({ item, result }) =>
          'begin' in result ? [{ event_id: item.event_id, ...result.begin }] : [],
        ),
      ),
      JSON.stringify(
        finished.flatMap(({ item, result }) =>
          'begin' in result
            ? []
            : [
                {
                  event_id: item.event_id,
                  backfill_id: result.backfillId,
                  ...result.batch,
                  searched: result.batch.searched.map(decidedSearch),
                },
              ],
        ),
      ),
    ],
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
  const of = (reason: Beginning['reason'], reference_ids: readonly string[] = []) => ({
    reason,
    person_id: item.person_id,
    reference_ids,
  });
  if ('reference_id' in item) return of('enrolled', [item.reference_id]);
  if ('reference_ids' in item) return of('removed', item.reference_ids);
  // A cannot_link also rules out faces like its own, even in photos in which the person was never found, so all past
  // faces are searched.
  if ('cannot_link_id' in item) return of(item.taken_back ? 'listed' : 'cannot_link');
  return of('listed');
};
