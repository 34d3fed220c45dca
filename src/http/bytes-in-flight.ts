import { WatchpostError } from '../errors.ts';

/** The part of the budget that one call holds. */
export interface Hold {
  /**
   * Holds this many bytes from now on, if it held fewer.
   *
   * @throws {WatchpostError} server_busy, if all calls together would hold more than there is. A call that is alone may.
   */
  growTo(bytes: number): void;
  /** Gives all of it back; may be called twice. */
  release(): void;
}

/** A budget of bytes for the bodies of all calls at a time: 40 photos of 20 MB as JSON at once took 2.8 GB without. */
export class BytesInFlight {
  readonly #max: number;
  #held = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /** A hold of nothing yet. */
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
