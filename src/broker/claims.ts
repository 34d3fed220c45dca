import type { Database } from '../database/pool.ts';

/** Events of one task, claimed together. */
export interface Batch {
  /** Its row in `claim`. */
  readonly claim: string;
  readonly task: string;
  /** One item an event: its payload with its event_id. */
  readonly items: readonly { readonly event_id: string }[];
  /** From 1. */
  readonly attempt: number;
  readonly maxAttempts: number;
}

/** A row of watchpost.claim() and claimed_here(). */
export interface ClaimedRow {
  readonly id: string;
  readonly task: string;
  readonly topic: string;
  readonly items: Batch['items'];
  readonly attempts: number;
  readonly max_attempts: number;
  readonly source: string;
}

/** Rows of watchpost.claim() or claimed_here() as batches. */
export const batchesOf = (rows: readonly ClaimedRow[]): Batch[] =>
  rows.map(({ id, task, items, attempts, max_attempts }) => ({
    claim: id,
    task,
    items,
    attempt: attempts,
    maxAttempts: max_attempts,
  }));

/**
 * Milliseconds after which the lower bounds are moved, while there are claims, and after which they are found anew over
 * all rows: a row that is committed more than 2 s after it was inserted may lie below a bound, and waits for that.
 */
const boundsMs = { moved: 1_000, anew: 10_000 };

/** Milliseconds between relays of one process: each one that finds something makes a NOTIFY. */
const relayMs = 20;

/** Milliseconds after which a connection that gives no answer to a claim is taken for dead. */
const answerWithinMs = 10_000;

/**
 * A source has a bound of its own once this process has claimed so many batches from it: then the rows that it has claimed
 * may be many to read. Each claim asks for every source with a bound, 5 us each, so that at most so many have one.
 */
const ownBound = { afterBatches: 500, mostSources: 64 };

/** Sources whose batches are counted at most. */
const mostCounted = 10_000;

/** By queue and source, the key at which claims begin; sql/2-broker/bounds.sql explains them. null: not known yet. */
type Bounds = Record<string, Record<string, string | null>>;

/**
 * The claims of one process on the outbox; sql/2-broker/outbox.sql says how an event becomes work.
 *
 * It keeps what each claim begins with: the lower bounds of the queues, and the source that had the last turn. Both are
 * hints of this process only: without them a claim is slower, or somebody else's turn comes first.
 */
export class Claims {
  readonly #database: Database;
  readonly #workerId: string;
  #source = '';
  #bounds: Bounds = {};
  readonly #batchesOf = new Map<string, number>();
  #movedAt = Number.NEGATIVE_INFINITY;
  #anewAt = Number.NEGATIVE_INFINITY;
  #relayedAt = Number.NEGATIVE_INFINITY;
  #hasClaimed = false;

  constructor(database: Database, workerId: string) {
    this.#database = database;
    this.#workerId = workerId;
  }

  /**
   * Claims waiting events, the most urgent first, and makes jobs of those that are not for workers to claim.
   *
   * @param tasks those that this process runs.
   * @param most batches.
   */
  async claim(tasks: readonly string[], most: number): Promise<Batch[]> {
    await this.#moveBounds();
    const now = performance.now();
    const relays = now - this.#relayedAt >= relayMs;
    if (relays) this.#relayedAt = now;
    const { rows } = await this.#database.pool.query<ClaimedRow>({
      name: 'watchpost-claim',
      text: 'select * from watchpost.claim($1, $2, $3, $4, $5, $6)',
      values: [this.#workerId, tasks, most, this.#source, JSON.stringify(this.#bounds), relays],
      query_timeout: answerWithinMs,
    } as { text: string });
    this.#hasClaimed ||= rows.length > 0;
    this.#source = rows.findLast((row) => row.source !== '')?.source ?? this.#source;
    for (const row of rows) this.#count(row);
    return batchesOf(rows);
  }

  /** Lets other workers claim what this one has claimed, or only these. Each has used up an attempt. */
  async release(claims?: readonly string[]): Promise<void> {
    await this.#database.pool.query('select watchpost.release_claims(array[$1::uuid], $2)', [
      this.#workerId,
      claims ?? null,
    ]);
  }

  /** Lets other workers claim what this one has claimed and not begun. That uses up no attempt. */
  async handBack(batches: readonly Batch[]): Promise<void> {
    await this.#database.pool.query('select watchpost.hand_back_claims($1, $2)', [
      this.#workerId,
      batches.map(({ claim }) => claim),
    ]);
  }

  /**
   * Hands back the claims of which no answer came to this process.
   *
   * @param known those of which one came.
   */
  async handBackUnanswered(known: readonly string[]): Promise<void> {
    await this.#database.pool.query(
      'select watchpost.hand_back_unanswered($1, make_interval(secs => $2), $3)',
      [this.#workerId, (answerWithinMs + 1_000) / 1000, known],
    );
  }

  /** Counts a batch of a source, which may give it a bound; not `again`, to which old events are added. */
  #count({ task, topic, source }: ClaimedRow): void {
    const ofQueue = this.#bounds[`${task} ${topic}`];
    if (!ofQueue || source === '' || source === 'again' || Object.hasOwn(ofQueue, source)) return;
    const key = `${task} ${topic} ${source}`;
    const batches = (this.#batchesOf.get(key) ?? 0) + 1;
    if (this.#batchesOf.size >= mostCounted) this.#batchesOf.clear();
    this.#batchesOf.set(key, batches);
    if (batches < ownBound.afterBatches || Object.keys(ofQueue).length > ownBound.mostSources) return;
    ofQueue[source] = null;
  }

  async #moveBounds(): Promise<void> {
    const now = performance.now();
    const anew = now - this.#anewAt >= boundsMs.anew;
    if (!anew && !(this.#hasClaimed && now - this.#movedAt >= boundsMs.moved)) return;
    const { rows } = await this.#database.pool.query<{ bounds: Bounds }>({
      name: 'watchpost-bounds',
      text: 'select watchpost.outbox_bounds($1, $2) as bounds',
      values: [JSON.stringify(this.#bounds), anew],
    });
    this.#bounds = rows[0]?.bounds ?? {};
    this.#movedAt = now;
    if (anew) this.#anewAt = now;
    this.#hasClaimed = false;
  }
}
