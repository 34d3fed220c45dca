import pg from 'pg';
import type { Ledger } from './ledger.ts';
import type { Album } from './photos.ts';
import type { Random } from './random.ts';

/** Cameras that photos come from; two share a zone. */
const cameras = ['north-gate', 'south-gate', 'lobby', null] as const;

/** How many attempts ended without an answer, and the answers other than 202. */
interface Attempts {
  unanswered: number;
  refused: Record<string, number>;
  /** Answers that name no code of a problem. */
  uncoded: number;
  /** Answers to POST, by status and code. */
  readonly answers: Record<string, number>;
}

interface SubmitterOptions {
  readonly album: Album;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly api: { readonly url: string; readonly key: string };
  /** URL of the database, for those who INSERT. */
  readonly database: string;
}

/**
 * Submits photos as a client does that does not know whether an attempt without an answer was committed: it repeats it,
 * with the same idempotency key, until the photo is acknowledged.
 */
export class Submitter {
  readonly attempts: Attempts = { unanswered: 0, refused: {}, uncoded: 0, answers: {} };
  readonly #options: SubmitterOptions;
  readonly #pool: pg.Pool;
  #count = 0;
  #stopped = false;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    this.#pool = new pg.Pool({
      connectionString: options.database,
      max: 6,
      // So that these connections are terminated like the others.
      application_name: 'watchpost',
      connectionTimeoutMillis: 5_000,
      query_timeout: 15_000,
    });
    this.#pool.on('error', () => {});
    this.#pool.on('connect', (client) => client.on('error', () => {}));
  }

  /** Submits one photo; resolves when it is acknowledged. */
  async submitOne(): Promise<void> {
    const { album, ledger, random } = this.#options;
    this.#count += 1;
    const key = `photo-${this.#count}`;
    const photo = album.take(random, key);
    const by = !photo.refusedAtOnce && random.chance(0.5) ? 'POST' : 'INSERT';
    const camera = random.pick(cameras) ?? null;
    // Over two hours, so that some sightings extend an alert and others open one.
    const capturedAt = new Date(Date.now() - random.between(0, 7_200_000)).toISOString();
    const byFunction = random.chance(0.5);
    const sent = { key, by, sha256: photo.sha256, faces: photo.faces } as const;
    ledger.send(sent);
    for (let pause = 100; !this.#stopped; pause = Math.min(pause * 2, 2_000)) {
      const id =
        by === 'POST'
          ? await this.#post(photo.bytes, key, camera, capturedAt)
          : await this.#insert(photo.bytes, key, camera, capturedAt, byFunction);
      if (id) {
        ledger.acknowledge(sent, id);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  async #post(
    bytes: Buffer,
    key: string,
    camera: string | null,
    capturedAt: string,
  ): Promise<string | undefined> {
    const { api } = this.#options;
    const url = new URL('/v1/images', api.url);
    url.searchParams.set('captured_at', capturedAt);
    if (camera) url.searchParams.set('camera', camera);
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${api.key}`, 'content-type': 'image/jpeg', 'idempotency-key': key },
        body: new Uint8Array(bytes),
        signal: AbortSignal.timeout(45_000),
      });
      const body = (await response.json()) as { id?: string; code?: string };
      const answer = [response.status, body.code].filter(Boolean).join(' ');
      this.attempts.answers[answer] = (this.attempts.answers[answer] ?? 0) + 1;
      if (response.status === 202 && body.id) return body.id;
      this.attempts.refused[response.status] = (this.attempts.refused[response.status] ?? 0) + 1;
      if (!body.code) this.attempts.uncoded += 1;
    } catch {
      this.attempts.unanswered += 1;
    }
    return undefined;
  }

  async #insert(
    bytes: Buffer,
    key: string,
    camera: string | null,
    capturedAt: string,
    byFunction: boolean,
  ): Promise<string | undefined> {
    const statement = byFunction
      ? 'select watchpost.submit_image($1, $2, $3, $4) as id'
      : `insert into watchpost.image (bytes, camera_id, captured_at, idempotency_key)
         values ($1, (select id from watchpost.camera where name = $2), $3, $4) returning id`;
    try {
      const { rows } = await this.#pool.query<{ id: string }>(statement, [bytes, camera, capturedAt, key]);
      return rows[0]?.id;
    } catch (error) {
      if ((error as { code?: string }).code === '23505') return this.#find(key);
      this.attempts.unanswered += 1;
      return undefined;
    }
  }

  /** The key is taken, so an attempt without an answer was committed. */
  async #find(key: string): Promise<string | undefined> {
    const asked = this.#pool.query<{ id: string }>(
      'select id from watchpost.image where idempotency_key = $1 and submitted_by = session_user',
      [key],
    );
    return asked.then(
      ({ rows }) => rows[0]?.id,
      () => undefined,
    );
  }

  /** Gives up what is not acknowledged yet. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#pool.end();
  }
}
