import type { Kysely, Transaction } from 'kysely';
import type { z } from 'zod';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import type { Observer } from '../observer.ts';
import type { Outgoing } from '../outgoing/index.ts';
import type { Vision } from '../vision/index.ts';
import type { RotationFinder } from './find-rotation.ts';
import type { StillFrames } from './still-frames.ts';

/** What a stage may use. */
export interface Tools {
  readonly database: Database;
  readonly vision: Vision;
  /** How other servers are called; only public ones, by https, unless given. */
  readonly outgoing?: Outgoing;
  /** Who watches how batches are handled; nobody unless given. */
  readonly observer?: Observer | undefined;
  /** The last frames of cameras, with which new ones are compared; without it each frame is searched. */
  readonly stillFrames?: StillFrames;
  /** Finds out how cameras are mounted; without it nobody does. */
  readonly rotations?: RotationFinder;
}

/** One event given to a task: its id and the payload it carries. */
export type Item<Payload = Record<string, unknown>> = Payload & { readonly event_id: string };

/** An item whose work succeeded, with what is to be written for it. */
export interface Finished<Payload, Result> {
  readonly item: Item<Payload>;
  readonly result: Result;
}

/** How a result of a replay relates to the current rows. */
export interface Difference {
  /** Nothing is to be written. */
  readonly same: boolean;
  /** Results that are new, and that are gone. */
  readonly gained: number;
  readonly lost: number;
}

/**
 * One step of the pipeline: it reads rows, computes and writes rows, and knows no other step. Computing and writing are
 * separate, so that no transaction is open while a model runs, and nothing is written for an event that is done already.
 */
export interface Stage<Payload extends object, Result> {
  /** The graphile-worker task, and the name in `subscription.task`. */
  readonly task: string;
  /** The payload of the events this task consumes; other keys are ignored. */
  readonly payload: z.ZodType<Payload>;
  /** Set if it waits for foreign servers: its jobs then have slots of their own. */
  readonly outward?: true;
  /**
   * Reads and computes, outside any transaction. It may run more than once for an event, so its effects must be
   * repeatable.
   *
   * @returns one settled result for each item, in their order. A rejection with an error code that has `ends`
   *   (see errors.ts) is final; any other is retried.
   */
  work(items: readonly Item<Payload>[], tools: Tools): Promise<PromiseSettledResult<Result>[]>;
  /** How the results are written. */
  readonly write: Write<Payload, Result>;
}

/**
 * The SQL function that writes a stage's rows. It is called in the statement that records the events as done, so that
 * both are committed together, in one round trip.
 */
interface Write<Payload extends object, Result> {
  /** Its name. Its first parameter is `passed`, the events whose rows are to be written; it returns how many rows. */
  readonly call: string;
  /** Its other parameters: arrays with an element for each row, or JSON, the event's id among them. */
  parameters(finished: readonly Finished<Payload, Result>[], tools: Tools): readonly unknown[];
  /** Milliseconds that so many events may take, if that is more than other statements may. */
  answerWithinMs?(events: number): number;
}

/** What a stage needs in addition if it can be run again over events that it has done: see runner/replay.ts. */
export interface Replayable<Payload extends object, Result> {
  /** How results relate to the current rows, one for each, in order. */
  compare(
    db: Kysely<DB>,
    finished: readonly Finished<Payload, Result>[],
    tools: Tools,
  ): Promise<Difference[]>;
  /** Marks the rows of these items, and the rows made from them, as superseded. */
  supersede(trx: Transaction<DB>, items: readonly Item<Payload>[]): Promise<void>;
}

/** A stage of any payload. */
// biome-ignore lint/suspicious/noExplicitAny: only the stage itself knows its payload and result.
export type AnyStage = Stage<any, any>;

/** A stage that can be run again over what it has done. */
// biome-ignore lint/suspicious/noExplicitAny: as above.
export type PipelineStage = AnyStage & Replayable<any, any>;

/** Whether a stage can be run again over what it has done; one that sends messages cannot. */
export const isReplayable = (stage: AnyStage): stage is PipelineStage => 'compare' in stage;

/** The outcome of a function as a settled result. */
export const settle = <T>(outcome: () => T): PromiseSettledResult<T> => {
  try {
    return { status: 'fulfilled', value: outcome() };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
};

/** The outcome of `work` for each item, in order, at most `atATime` of them concurrently. */
export const settleEach = async <T, R>(
  items: readonly T[],
  atATime: number,
  work: (item: T) => Promise<R>,
): Promise<PromiseSettledResult<R>[]> => {
  const outcomes: PromiseSettledResult<R>[] = [];
  const queue = items.entries();
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      for (const [index, item] of queue) {
        const [outcome] = await Promise.allSettled([work(item)]);
        outcomes[index] = outcome;
      }
    }),
  );
  return outcomes;
};
