import type { Frame } from '../sources/index.ts';

/** The newest frames of a camera that nobody has taken yet: an old one is dropped when there are more. */
export class LatestFrames {
  readonly #most: number;
  readonly #dropped: () => void;
  #frames: Frame[] = [];
  #arrived = Promise.withResolvers<void>();

  /** @param dropped is called for each frame that is dropped. */
  constructor(most: number, dropped: () => void) {
    this.#most = most;
    this.#dropped = dropped;
  }

  add(frame: Frame): void {
    this.#frames.push(frame);
    if (this.#frames.length > this.#most) {
      this.#frames.shift();
      this.#dropped();
    }
    this.#arrived.resolve();
  }

  /** Whether a frame waits. */
  get hasOne(): boolean {
    return this.#frames.length > 0;
  }

  /** Resolves when a frame waits, or the signal is aborted. */
  async untilOne(signal: AbortSignal): Promise<void> {
    while (!this.hasOne && !signal.aborted) {
      this.#arrived = Promise.withResolvers();
      const stop = () => this.#arrived.resolve();
      signal.addEventListener('abort', stop, { once: true });
      await this.#arrived.promise;
      signal.removeEventListener('abort', stop);
    }
  }

  /** The oldest frame that waits. */
  take(): Frame | undefined {
    return this.#frames.shift();
  }
}
