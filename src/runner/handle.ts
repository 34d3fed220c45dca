import type { Batch } from '../broker/claims.ts';
import { anyOf } from '../database/any-of.ts';
import {
  isCollision,
  isDatabaseAway,
  isPermanent,
  type ProblemCode,
  toWatchpostError,
  WatchpostError,
} from '../errors.ts';
import type { AnyStage, Item, Tools } from '../stages/stage.ts';
import { writeFenced } from './fence.ts';

/**
 * How a batch of events is handled:
 *
 *   parsed -> worked -> fenced -> written -> committed
 *
 * parsed: an item whose payload does not fit the stage fails for good. worked: the stage computes, outside any
 * transaction; items fail one by one. Then one transaction: fenced, a `handling` row is inserted for every finished
 * item, and the unique index on (event, task) lets through only those that nobody has done before; written, the stage
 * writes its rows for these; committed, both appear together or not at all. A second delivery, a slow worker that
 * comes back, a call by HTTP at the same time: all find the fence and write nothing.
 */

/** What became of one item. */
export interface Handled {
  readonly event_id: string;
  /** done_before: somebody else had done it, nothing was written. retry: to be delivered again. */
  readonly outcome: 'done' | 'done_before' | 'failed' | 'retry';
  readonly code?: ProblemCode;
  readonly error?: string;
}

/** Who handles, and which try it is. */
export interface Delivery {
  readonly workerId: string;
  readonly attempt: number;
  /** Whether a failure may be tried again; false on the last attempt. */
  readonly mayRetry: boolean;
  /** Whether the items may have been handled before; spares their work if they were. */
  readonly redelivered: boolean;
  /** The claim that these items are of. */
  readonly claim?: string | undefined;
  /** Set for a worker that goes on with what it writes: it claims that in the same transaction. */
  readonly goesOn?: {
    /** Asked when rows are written. */
    still(): boolean;
    claimed(batches: readonly Batch[]): void;
  };
}

interface Attempted {
  readonly item: Item;
  readonly outcome: 'done' | 'done_before' | 'retry' | 'failed';
  readonly result: unknown;
  readonly error: WatchpostError | undefined;
}

/**
 * Handles a batch of events with a stage.
 *
 * @returns what became of each item, in their order. An item's own failure is recorded there and never thrown.
 * @throws only if the database can not be reached; then nothing was written and every item is to be delivered again.
 */
export const handle = async (
  stage: AnyStage,
  items: readonly Item[],
  tools: Tools,
  delivery: Delivery,
): Promise<Handled[]> => {
  const startedAt = performance.now();
  const doneBefore = delivery.redelivered ? await findDone(stage.task, items, tools) : new Set<string>();
  // One item an event: a batch that names it twice is one delivery of it.
  const named = [...new Map(items.map((item) => [item.event_id, item])).values()];
  const fresh = named.filter((item) => !doneBefore.has(item.event_id));
  const run: Run = { stage, tools, delivery, startedAt };
  const attempted = [
    ...(await attempt(stage, fresh, tools, delivery)),
    // The fence lets none of these through.
    ...named.filter((item) => doneBefore.has(item.event_id)).map(doneAlready),
  ];
  const written = await commit(run, attempted);
  return items.map(
    (item) => written.get(item.event_id) ?? { event_id: item.event_id, outcome: 'done_before' },
  );
};

/** What the steps of one call share. */
interface Run {
  readonly stage: AnyStage;
  readonly tools: Tools;
  readonly delivery: Delivery;
  readonly startedAt: number;
}

const findDone = async (task: string, items: readonly Item[], { database }: Tools): Promise<Set<string>> => {
  const rows = await database.db
    .selectFrom('watchpost.handling')
    .select('event_id')
    .where('task', '=', task)
    .where('outcome', '=', 'done')
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
  const parsed = items.map((item) => stage.payload.safeParse(item).success);
  const workable = items.filter((_, index) => parsed[index]);
  const results = workable.length === 0 ? [] : await work(stage, workable, tools);
  const resultOf = new Map(workable.map((item, index) => [item, results[index]]));
  return items.map((item) => {
    const result = resultOf.get(item);
    if (!result) {
      const error = new WatchpostError('payload_invalid', `The payload does not fit the task ${stage.task}.`);
      return { item, outcome: 'failed', result: undefined, error };
    }
    if (result.status === 'fulfilled')
      return { item, outcome: 'done', result: result.value, error: undefined };
    return failure(item, result.reason, delivery);
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

const failure = (item: Item, reason: unknown, delivery: Delivery): Attempted => {
  const error = told(reason);
  const final = isPermanent(error.code) || !delivery.mayRetry;
  return { item, outcome: final ? 'failed' : 'retry', result: undefined, error };
};

/** The row in `handling` is for the operator: an unforeseen error is told there by its own message, which may quote much. */
const told = (reason: unknown): WatchpostError => {
  const error = toWatchpostError(reason);
  const unforeseen = ['internal', 'value_invalid', 'changed_meanwhile'].includes(error.code);
  if (!unforeseen || !(reason instanceof Error)) return error;
  return new WatchpostError(error.code, reason.message.slice(0, 2000).toWellFormed().replaceAll('\0', ''), {
    cause: reason,
  });
};

const doneAlready = (item: Item): Attempted => ({
  item,
  outcome: 'done_before',
  result: undefined,
  error: undefined,
});

/**
 * Writes what was attempted. A transaction that the database broke off in favour of another is tried again at once. If
 * the batch can not be written as one, each item is written by itself, so that one that can not be written fails alone.
 */
const commit = async (
  run: Run,
  attempted: readonly Attempted[],
  tries = 5,
): Promise<Map<string, Handled>> => {
  if (attempted.length === 0) return new Map();
  try {
    return await writeBatch(run, attempted);
  } catch (reason) {
    if (isDatabaseAway(reason)) throw reason;
    if (isCollision(reason) && tries > 1) return commit(run, attempted, tries - 1);
    const [only] = attempted;
    // What has failed already can not fail in another way.
    if (!only || attempted.every(({ outcome }) => outcome !== 'done')) throw reason;
    if (attempted.length === 1) return commit(run, [failure(only.item, reason, run.delivery)]);
    return commitOneByOne(run, attempted);
  }
};

/** Those that are to be tried again come last and together: they become a job as the claim ends. */
const commitOneByOne = async (run: Run, attempted: readonly Attempted[]): Promise<Map<string, Handled>> => {
  const handled = new Map<string, Handled>();
  const left: Attempted[] = attempted.filter((one) => one.outcome !== 'done');
  for (const one of attempted.filter(({ outcome }) => outcome === 'done')) {
    try {
      const written = await writeBatch({ ...run, delivery: { ...run.delivery, claim: undefined } }, [one]);
      for (const entry of written) handled.set(...entry);
    } catch (reason) {
      if (isDatabaseAway(reason)) throw reason;
      left.push(failure(one.item, reason, run.delivery));
    }
  }
  for (const entry of await commit(
    run,
    left.length > 0 ? left : attempted.map(({ item }) => doneAlready(item)),
  )) {
    if (!handled.has(entry[0])) handled.set(...entry);
  }
  return handled;
};

const writeBatch = async (
  { stage, tools, delivery, startedAt }: Run,
  attempted: readonly Attempted[],
): Promise<Map<string, Handled>> => {
  // By event id, so that two deliveries of overlapping batches meet the fence in one order and cannot deadlock.
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
        outcome: outcome === 'done_before' ? 'done' : outcome,
        code: error?.code ?? null,
        error: error?.message ?? null,
      })),
    },
    ordered.filter((one) => one.outcome === 'done'),
    delivery.goesOn?.still() ?? false,
    tools,
  );
  delivery.goesOn?.claimed(written.next);
  const passed = new Set(written.passed);
  return new Map(
    ordered.map(({ item: { event_id }, outcome, error }): [string, Handled] => {
      if (!passed.has(event_id)) return [event_id, { event_id, outcome: 'done_before' }];
      return [event_id, { event_id, outcome, ...(error ? { code: error.code, error: error.message } : {}) }];
    }),
  );
};
