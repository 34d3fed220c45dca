/** What a key may be allowed to do. `administer` includes all the others. */
export const scopes = ['submit', 'read', 'enrol', 'review', 'administer'] as const;

/** One of `scopes`. */
export type Scope = (typeof scopes)[number];

/** The API key of a call. */
export interface Key {
  readonly id: string;
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Ids of the sites that it is bound to; null: all of them. */
  readonly sites: readonly string[] | null;
  /** Ids of the cameras that it is bound to; null: all of its sites. */
  readonly cameras: readonly string[] | null;
  /** Ids of the watchlists that it is bound to; null: all of its sites. */
  readonly watchlists: readonly string[] | null;
  /** Calls in a minute of the clock, at all API processes together; null: any number. */
  readonly ratePerMinute: number | null;
  /** Streams that it may have open, at all API processes together; null: the limit of the settings. */
  readonly maxStreams: number | null;
  /** Its photos that may wait to be processed; null: the limit of the settings. */
  readonly maxBacklog: number | null;
  /**
   * Asks the database whether what the call was made with is still valid, and may see and do the same, for answers that take
   * long.
   */
  isStillValid(): Promise<boolean>;
}
