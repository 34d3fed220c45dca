/**
 * The timeline of the write-ahead log of the server that a process is connected to. It changes when a replica is promoted:
 * what the process has in hand may then not exist any more, and an id may mean another row. A change is noticed on the
 * first connection to the new server, before anything else is done on it.
 */
export class Timeline {
  #current: string | undefined;
  readonly #listeners = new Set<() => void>();

  /**
   * Notes the timeline of a new connection.
   *
   * @param timeline eight hex digits.
   * @returns the timeline before, if this one is another.
   */
  connectedTo(timeline: string): string | undefined {
    const before = this.#current;
    this.#current = timeline;
    if (before === undefined || before === timeline) return undefined;
    for (const listener of this.#listeners) listener();
    return before;
  }

  /** Calls `listener` at each change, until the function that this returns is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
