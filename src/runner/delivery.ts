import type { Batch } from '../broker/claims.ts';
import { toWatchpostError } from '../convert-error.ts';
import { endOf, type ProblemCode, WatchpostError } from '../errors.ts';
import type { Item } from '../stages/stage.ts';

/** Who handles a batch of events, and which attempt it is. */
export interface Delivery {
  readonly workerId: string;
  /** From 1. */
  readonly attempt: number;
  /** Whether a failure may be retried; false on the last attempt. */
  readonly mayRetry: boolean;
  /** Whether the events may have been handled before; if they were, the stage does not compute them again. */
  readonly redelivered: boolean;
  /** The claim of these events. */
  readonly claim?: string | undefined;
  /** Set for a worker that claims what its rows lead to, in the transaction that writes them. */
  readonly claimsNext?: {
    /** Asked when rows are written. */
    wanted(): boolean;
    claimed(batches: readonly Batch[]): void;
  };
}

/** What became of one event. */
export interface Handled {
  readonly event_id: string;
  /**
   * done_before: another delivery had done it, so nothing was written. gone: what it is about was deleted, so nothing was
   * left to do. refused: the input cannot be handled, which is no
   * failure. retry: to be delivered again.
   */
  readonly outcome: 'done' | 'done_before' | 'gone' | 'refused' | 'failed' | 'retry';
  readonly code?: ProblemCode;
  readonly error?: string;
}

/** The same with the result of the stage's work, if it is done. */
export interface WithResult extends Handled {
  readonly result?: unknown;
}

/** The outcome of the stage's work for one event, before it is written. */
export interface Attempted {
  readonly item: Item;
  readonly outcome: Handled['outcome'];
  /** Of the stage's work; undefined unless the outcome is `done`. */
  readonly result: unknown;
  readonly error: WatchpostError | undefined;
}

export const doneBefore = (item: Item): Attempted => ({
  item,
  outcome: 'done_before',
  result: undefined,
  error: undefined,
});

/** What the error's code says, or a failure after the last attempt; else it is to be retried. */
export const failure = (item: Item, reason: unknown, delivery: Delivery): Attempted => {
  const error = describeError(reason);
  const outcome = endOf(error.code) ?? (delivery.mayRetry ? 'retry' : 'failed');
  return { item, outcome, result: undefined, error };
};

/**
 * The error as `handling` records it, which has one text: a refusal is recorded with what to do about it. Only the
 * operator reads that table, so an unforeseen error keeps its own message there, which may quote anything; to others it
 * would be a general sentence.
 */
const describeError = (reason: unknown): WatchpostError => {
  const error = toWatchpostError(reason);
  if (endOf(error.code) === 'refused' && error.hint) {
    return new WatchpostError(error.code, `${error.message} ${error.hint}`, { cause: reason });
  }
  const unforeseen = ['internal', 'value_invalid', 'changed_meanwhile'].includes(error.code);
  if (!unforeseen || !(reason instanceof Error)) return error;
  return new WatchpostError(error.code, reason.message.slice(0, 2000).toWellFormed().replaceAll('\0', ''), {
    cause: reason,
  });
};
