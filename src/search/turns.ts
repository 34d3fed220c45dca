import { WatchpostError } from '../errors.ts';
import { limits } from '../limits.ts';

/**
 * Bounds the photos that are searched at the same time: some are under way, some wait, and further ones are refused, so
 * that callers slow down and the stages of the pipeline get their share of the models.
 */
export class Turns {
  readonly #atATime: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(
    atATime: number = limits.searchesAtATime.max,
    mostWaiting: number = limits.searchesWaiting.max,
  ) {
    this.#atATime = atATime;
    this.#mostWaiting = mostWaiting;
  }

  /**
   * Waits for a turn, if there is none free.
   *
   * @throws {WatchpostError} search_busy if as many wait as may.
   */
  async take<T>(run: () => Promise<T>): Promise<T> {
    if (this.#underWay >= this.#atATime) {
      if (this.#waiting.length >= this.#mostWaiting) {
        throw new WatchpostError(
          'search_busy',
          `${this.#waiting.length} photos are waiting to be searched.`,
          {
            hint: 'Send fewer at a time, or start another API process. POST /v1/images takes photos that may wait.',
          },
        );
      }
      await new Promise<void>((go) => this.#waiting.push(go));
    } else this.#underWay += 1;
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#underWay -= 1;
    }
  }
}
