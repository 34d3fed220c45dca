import { readOnlyState } from '../database-errors.ts';

/** A server that Watchpost cannot use; the message says why, as a sentence. */
export class UnusableServer extends Error {
  override readonly name: string = 'UnusableServer';
  /** What to do about it. */
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

/** A connection that must write came to a server that takes no writes. Unlike the others it may be over soon. */
export class ReadOnlyServer extends UnusableServer {
  override readonly name = 'ReadOnlyServer';
  readonly code = readOnlyState;

  /** @param standby whether it is in recovery; else it is set to read-only. */
  constructor(standby: boolean) {
    super(
      `The server takes no writes: ${standby ? 'it is a standby, or in recovery' : 'default_transaction_read_only is on'}.`,
      standby
        ? 'Set DATABASE_URL to the primary, or wait for the promotion of this one.'
        : 'Set it to off for the server, the database and the role, or set DATABASE_URL to another server.',
    );
  }
}
