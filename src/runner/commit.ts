import { isCollision, isDatabaseAway, isOrphan } from '../database-errors.ts';
import type { AnyStage, Item, Tools } from '../stages/stage.ts';
import { type Attempted, type Delivery, doneBefore, failure, type WithResult } from './delivery.ts';
import { writeFenced } from './fence.ts';

/** What the steps of one call of handle() share. */
interface Handling {
  readonly stage: AnyStage;
  readonly tools: Tools;
  readonly delivery: Delivery;
  /** By performance.now(). */
  readonly startedAt: number;
  /** Lets the stage work on items once more. */
  readonly again: (items: readonly Item[]) => Promise<Attempted[]>;
}

/**
 * Writes a batch that was attempted. If Postgres aborts the transaction because of a deadlock or a serialization
 * failure, it is repeated at once. If a row that it refers to was deleted while the stage worked, the stage works once
 * more: it finds that the photo is gone, or no longer finds the person. If the batch cannot be written as one, each event
 * is written by itself, so that one that cannot be written fails alone.
 *
 * @returns by event id.
 * @throws if the database cannot be reached, or not even the failures can be recorded.
 */
export const commit = async (
  run: Handling,
  attempted: readonly Attempted[],
  tries = 5,
): Promise<Map<string, WithResult>> => {
  if (attempted.length === 0) return new Map();
  try {
    return await writeBatch(run, attempted);
  } catch (reason) {
    if (isDatabaseAway(reason)) throw reason;
    if (isCollision(reason) && tries > 1) return commit(run, attempted, tries - 1);
    if (isOrphan(reason) && tries > 1) return commit(run, await workAgain(run, attempted), tries - 1);
    const [only] = attempted;
    // If no rows were to be written, the failure is that of the record itself.
    if (!only || attempted.every(({ outcome }) => outcome !== 'done')) throw reason;
    if (attempted.length === 1) return commit(run, [failure(only.item, reason, run.delivery)]);
    return commitOneByOne(run, attempted);
  }
};

const workAgain = async (run: Handling, attempted: readonly Attempted[]): Promise<Attempted[]> => {
  const done = attempted.filter(({ outcome }) => outcome === 'done');
  return [
    ...(await run.again(done.map(({ item }) => item))),
    ...attempted.filter(({ outcome }) => outcome !== 'done'),
  ];
};

/** Events to be retried are written last and together, because they become one job when the claim ends. */
const commitOneByOne = async (
  run: Handling,
  attempted: readonly Attempted[],
): Promise<Map<string, WithResult>> => {
  const handled = new Map<string, WithResult>();
  const left: Attempted[] = attempted.filter((one) => one.outcome !== 'done');
  const keepsClaim: Handling = { ...run, delivery: { ...run.delivery, claim: undefined } };
  for (const one of attempted.filter(({ outcome }) => outcome === 'done')) {
    try {
      for (const entry of await writeBatch(keepsClaim, [one])) handled.set(...entry);
    } catch (reason) {
      if (isDatabaseAway(reason)) throw reason;
      left.push(failure(one.item, reason, run.delivery));
    }
  }
  // The claim ends with this, also if nothing failed.
  const last = await commit(run, left.length > 0 ? left : attempted.map(({ item }) => doneBefore(item)));
  for (const entry of last) {
    if (!handled.has(entry[0])) handled.set(...entry);
  }
  return handled;
};

const writeBatch = async (
  { stage, tools, delivery, startedAt }: Handling,
  attempted: readonly Attempted[],
): Promise<Map<string, WithResult>> => {
  // By event id, so that two deliveries of overlapping batches insert into `handling` in one order and cannot deadlock.
  const ordered = [...attempted].sort((a, b) => (a.item.event_id < b.item.event_id ? -1 : 1));
  const written = await writeFenced(
    stage,
    {
      task: stage.task,
      attempt: delivery.attempt,
      workerId: delivery.workerId,
      elapsedMs: performance.now() - startedAt,
      claim: delivery.claim ?? null,
      outcomes: ordered.map(({ item, outcome, error }) => ({
        event_id: item.event_id,
        // The fence finds out by itself that it was done before.
        outcome: outcome === 'done_before' ? 'done' : outcome,
        code: error?.code ?? null,
        error: error?.message ?? null,
      })),
    },
    ordered.filter((one) => one.outcome === 'done'),
    delivery.claimsNext?.wanted() ?? false,
    tools,
  );
  delivery.claimsNext?.claimed(written.next);
  const passed = new Set(written.passed);
  return new Map(
    ordered.map(({ item: { event_id }, outcome, result, error }): [string, WithResult] => {
      if (!passed.has(event_id)) return [event_id, { event_id, outcome: 'done_before' }];
      if (error) return [event_id, { event_id, outcome, code: error.code, error: error.message }];
      return [event_id, { event_id, outcome, result }];
    }),
  );
};
