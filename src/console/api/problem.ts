/** An error that the API answered, or that there was no answer. */
export class Problem extends Error {
  override readonly name = 'Problem';
  /** The HTTP status; undefined: the server did not answer. */
  readonly status: number | undefined;
  /** The stable name of the kind of error, see src/errors.ts; `unanswered` without an answer. */
  readonly code: string;
  /** What to do about it. */
  readonly hint: string | undefined;

  constructor(status: number | undefined, body: { code?: string; detail?: string; hint?: string } = {}) {
    super(body.detail ?? (status ? `The server answered ${status}.` : 'The server does not answer.'));
    this.status = status;
    this.code = body.code ?? 'unanswered';
    this.hint = body.hint;
  }
}

/** What was thrown, as a Problem. */
export const problemOf = (thrown: unknown): Problem =>
  thrown instanceof Problem ? thrown : new Problem(undefined, { detail: String(thrown) });
