import type { Batch } from '../broker/claims.ts';
import { anyOf } from '../database/any-of.ts';
import { retryWhileAway } from '../database/retry.ts';
import { isDatabaseAway } from '../database-errors.ts';
import { WatchpostError } from '../errors.ts';
import type { AnyStage, Item, Tools } from '../stages/stage.ts';
import { commit } from './commit.ts';
import {
  type Attempted,
  type Delivery,
  doneBefore,
  failure,
  type Handled,
  type WithResult,
} from './delivery.ts';
import { logFailures } from './log-failures.ts';
import type { Run } from './run.ts';
import { subjectsOf } from './subject.ts';

export type { Delivery, Handled } from './delivery.ts';

/**
 * Handles a batch, and then the batches that it has led to and that this process has claimed, so that a photo passes
 * from detection to its alerts without waiting in the outbox. Each step is still a claim of its own: if the process
 * dies, others continue with the step that was not done.
 */
export const follow = async (batch: Batch, run: Run): Promise<void> => {
  await handleWithNext(batch, run);
  // What is not urgent, or becomes a job, was not claimed as it was written.
  run.nudge();
};

const handleWithNext = async (batch: Batch, run: Run): Promise<void> => {
  for (const next of await handleClaimed(batch, run)) await handleWithNext(next, run);
};

/**
 * Handles a batch that this worker has claimed, again while the database is away.
 *
 * @returns what it has led to. Nothing if it could not be handled: then its claim is released, which uses up an attempt.
 */
const handleClaimed = async (batch: Batch, run: Run): Promise<Batch[]> => {
  const { tools, workerId, inHand } = run;
  const { epoch } = inHand;
  const next: Batch[] = [];
  try {
    const stage = run.stages.find(({ task }) => task === batch.task);
    if (!stage) throw new Error(`This worker does not run ${batch.task}.`);
    const claimsNext = {
      wanted: () => !run.stopping(),
      claimed(batches: readonly Batch[]) {
        inHand.add(batches);
        next.push(...batches);
      },
    };
    await retryWhileAway(
      tools.database,
      () => run.stopping() || inHand.epoch !== epoch,
      async (again) => {
        const handled = await handle(stage, batch.items as readonly Item[], tools, {
          workerId,
          attempt: batch.attempt,
          mayRetry: batch.attempt < batch.maxAttempts,
          redelivered: again || batch.attempt > 1,
          claim: batch.claim,
          claimsNext,
        });
        logFailures(run.log, batch.task, batch.attempt, batch.items as readonly Item[], handled);
      },
    );
  } catch (error) {
    run.log.error(
      { task: batch.task, about: subjectsOf(batch.items), reason: String(error) },
      'a batch could not be handled',
    );
    inHand.failed(batch);
    return next;
  }
  inHand.remove(batch);
  return next;
};

/**
 * Handles a batch of events with a stage, in these steps:
 *
 *   parsed    an item whose payload does not fit the stage fails for good.
 *   worked    the stage computes, outside any transaction; items fail one by one. One whose photo, face, person, alert or
 *             other subject was deleted is gone: it ends like one that is done.
 *   written   one statement, and so one transaction, inserts a row into `handling` for every item, and the stage's rows
 *             for those items whose `handling` is new. The unique index on (event, task) is the fence: a second
 *             delivery, a slow worker that comes back, or a call by HTTP at the same time finds the event done and
 *             writes nothing. See commit.ts and fence.ts.
 *
 * @returns what became of each item, in their order. An item's own failure is recorded there and never thrown.
 * @throws only if the database cannot be reached; then nothing was written and every item is to be delivered again.
 */
export const handle = async (
  stage: AnyStage,
  items: readonly Item[],
  tools: Tools,
  delivery: Delivery,
): Promise<Handled[]> => {
  const work = () => handleBatch(stage, items, tools, delivery);
  const handled = await (tools.observer ? tools.observer.batch(stage.task, items, work) : work());
  return handled.map(({ result, ...one }) => one);
};

/** The same, with the results of what is done. */
const handleBatch = async (
  stage: AnyStage,
  items: readonly Item[],
  tools: Tools,
  delivery: Delivery,
): Promise<WithResult[]> => {
  const startedAt = performance.now();
  const done = delivery.redelivered ? await findDone(stage.task, items, tools) : new Set<string>();
  // A batch that names an event twice is one delivery of it.
  const distinct = [...new Map(items.map((item) => [item.event_id, item])).values()];
  const fresh = distinct.filter((item) => !done.has(item.event_id));
  const attempted = [
    ...(await attempt(stage, fresh, tools, delivery)),
    ...distinct.filter((item) => done.has(item.event_id)).map(doneBefore),
  ];
  const again = (items: readonly Item[]) => attempt(stage, items, tools, delivery);
  const written = await commit({ stage, tools, delivery, startedAt, again }, attempted);
  return items.map(
    (item) => written.get(item.event_id) ?? { event_id: item.event_id, outcome: 'done_before' },
  );
};

/** The events among these that the task has done, or that had nothing left to do. */
const findDone = async (task: string, items: readonly Item[], { database }: Tools): Promise<Set<string>> => {
  const rows = await database.db
    .selectFrom('watchpost.handling')
    .select('event_id')
    .where('task', '=', task)
    .where('outcome', 'in', ['done', 'gone'])
    .where('event_id', '=', anyOf(items.map((item) => item.event_id)))
    .execute();
  return new Set(rows.map((row) => row.event_id));
};

const attempt = async (
  stage: AnyStage,
  items: readonly Item[],
  tools: Tools,
  delivery: Delivery,
): Promise<Attempted[]> => {
  const fits = items.map((item) => stage.payload.safeParse(item).success);
  const workable = items.filter((_, index) => fits[index]);
  const results = workable.length === 0 ? [] : await work(stage, workable, tools);
  const resultOf = new Map(workable.map((item, index) => [item, results[index]]));
  return items.map((item) => {
    const result = resultOf.get(item);
    if (!result) {
      const error = new WatchpostError('payload_invalid', `The payload does not fit the task ${stage.task}.`);
      return { item, outcome: 'failed', result: undefined, error };
    }
    if (result.status === 'rejected') return failure(item, result.reason, delivery);
    return { item, outcome: 'done', result: result.value, error: undefined };
  });
};

/** A stage that throws as a whole fails each of its items. */
const work = async (
  stage: AnyStage,
  items: readonly Item[],
  tools: Tools,
): Promise<PromiseSettledResult<unknown>[]> => {
  try {
    return await stage.work(items, tools);
  } catch (reason) {
    if (isDatabaseAway(reason)) throw reason;
    return items.map(() => ({ status: 'rejected', reason }));
  }
};
