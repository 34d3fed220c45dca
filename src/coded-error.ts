/** An error of the system, of its network, or of Postgres, whose code is a SQLSTATE. */
export interface CodedError extends Error {
  readonly code: string;
  readonly hint?: string;
  readonly table?: string;
  readonly constraint?: string;
}

export const isCoded = (error: unknown): error is CodedError =>
  error instanceof Error && 'code' in error && typeof error.code === 'string';
