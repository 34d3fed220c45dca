import { appendFileSync } from 'node:fs';

/** A photo as it was sent, and what must become of it. */
export interface Sent {
  /** Its idempotency key: one for each submission, the same for every attempt at it. */
  readonly key: string;
  readonly by: 'POST' | 'INSERT';
  /** Hex, of the bytes that were sent. */
  readonly sha256: string;
  /** How many faces it has; null: it is invalid, and its image must end as failed. */
  readonly faces: number | null;
}

/** A photo that Watchpost has acknowledged: by 202, or the commit of an INSERT. */
export interface Acknowledged extends Sent {
  readonly id: string;
  /** When, in ms since 1970. */
  readonly at: number;
}

/** The harness's own list, in memory and in a file, of what was promised; it never asks the database what to expect. */
export class Ledger {
  readonly #file: string;
  readonly #sent = new Map<string, Sent>();
  readonly #acknowledged = new Map<string, Acknowledged>();
  /** Keys for which two ids were promised. */
  readonly contradictions: string[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  /** Before the first attempt: from now on a row with this key may be there. */
  send(sent: Sent): void {
    this.#sent.set(sent.key, sent);
  }

  /** At the 202 or the commit, before anything else is done. */
  acknowledge(sent: Sent, id: string): void {
    const at = Date.now();
    appendFileSync(this.#file, `${JSON.stringify({ ...sent, id, at: new Date(at) })}\n`);
    const before = this.#acknowledged.get(sent.key);
    if (before && before.id !== id) this.contradictions.push(sent.key);
    this.#acknowledged.set(sent.key, { ...sent, id, at });
  }

  get acknowledged(): readonly Acknowledged[] {
    return [...this.#acknowledged.values()];
  }

  /** Everything that was ever tried, acknowledged or not. */
  get sent(): readonly Sent[] {
    return [...this.#sent.values()];
  }
}
