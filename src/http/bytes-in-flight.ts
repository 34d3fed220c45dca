import { WatchpostError } from '../errors.ts';

/** The part of the budget that one call uses. */
export interface Hold {
  /**
   * Raises the hold to this many bytes; never lowers it.
   *
   * @throws {WatchpostError} server_busy if all calls together would exceed the budget. A call that is alone may.
   */
  growTo(bytes: number): void;
  /** Gives back all of it. Calling it again does nothing. */
  release(): void;
}

/** A budget of memory for the bodies of all calls together. Without it 40 photos of 20 MB at once, as JSON, took 2.8 GB. */
export class BytesInFlight {
  readonly #max: number;
  #held = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Bytes held now, by all calls. */
  get held(): number {
    return this.#held;
  }

  /** A new hold, of 0 bytes. */
  open(): Hold {
    let own = 0;
    return {
      growTo: (bytes) => {
        const more = Math.max(bytes - own, 0);
        if (this.#held > own && this.#held + more > this.#max) {
          throw new WatchpostError('server_busy', 'Too many bodies are being received; try again later.', {
            hint: 'Send fewer photos at a time, or start another API process.',
          });
        }
        this.#held += more;
        own += more;
      },
      release: () => {
        this.#held -= own;
        own = 0;
      },
    };
  }
}
