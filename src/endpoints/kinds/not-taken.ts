/** The receiver has answered, and did not take the message. */
export class NotTaken extends Error {
  override readonly name = 'NotTaken';
  /** null: its protocol has none. */
  readonly status: number | null;
  /** Seconds after which it may be asked again, if it says so. */
  readonly retryAfter: number | undefined;

  /** @param words a sentence, without the address. */
  constructor(status: number | null, words: string, retryAfter?: number) {
    super(words);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}
