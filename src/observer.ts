/** What became of one event of a batch. */
export interface Observed {
  readonly event_id: string;
  readonly outcome: 'done' | 'done_before' | 'gone' | 'refused' | 'failed' | 'retry';
  /** Of the stage's work, if it is done. */
  readonly result?: unknown;
}

/** Somebody who watches how batches are handled: metrics, traces. Where nobody does, none is there, and nothing is asked. */
export interface Observer {
  /**
   * Called for each batch that a task is given.
   *
   * @param handle handles it; to be called once, and its outcome to be returned.
   */
  batch<Outcome extends Observed>(
    task: string,
    items: readonly { readonly event_id: string }[],
    handle: () => Promise<Outcome[]>,
  ): Promise<Outcome[]>;
}

/** Observers as one; the first is the outermost. Undefined: there are none. */
export const observers = (all: readonly Observer[]): Observer | undefined => {
  if (all.length < 2) return all[0];
  return {
    batch: (task, items, handle) =>
      all.reduceRight((inner, observer) => () => observer.batch(task, items, inner), handle)(),
  };
};
