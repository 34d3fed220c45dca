import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { openAsKey } from '../database/as-key.ts';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { CallRate } from './call-rate.ts';
import type { Key, Scope } from './key.ts';
import { RefusedKeys } from './refused-keys.ts';
import type { Services } from './services.ts';

/** Milliseconds for which a valid key or session is not looked up again. A revoked one remains valid that much longer. */
const trustFor = 5_000;

/** SHA-256 of a key or of the token of a session, by which they are found: the time of a lookup reveals nothing of either. */
export const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** A key as `watchpost.authenticate` finds it. */
interface FoundKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: Scope[];
  readonly sites: string[] | null;
  readonly cameras: string[] | null;
  readonly watchlists: string[] | null;
  readonly rate_per_minute: number | null;
  readonly max_streams: number | null;
  readonly max_backlog: number | null;
  readonly state: 'valid' | 'revoked' | 'expired' | 'replaced';
  readonly valid_ms: number | null;
  readonly use_noted: boolean;
}

/** A session as `watchpost.authenticate_session` finds it, with its key. */
interface FoundSession extends FoundKey {
  readonly subject: string | null;
  readonly expires_at: Date;
}

/** Who makes a call, and the database as they may see it. */
export interface Admitted {
  readonly key: Key;
  /** How the record names them: `api:NAME` of the key, or `oidc:` and the person whom OpenID Connect named. */
  readonly actor: string;
  readonly db: Kysely<DB>;
  /** When a session ends; undefined: the call has a key. */
  readonly expiresAt?: Date;
  /** In ms since 1970: when it is to be looked up again. */
  readonly until: number;
}

/** What a key may see and do, to be compared. */
const rightsOf = ({ scopes, sites, cameras, watchlists }: FoundKey): string =>
  JSON.stringify([scopes, sites, cameras, watchlists]);

const endings = {
  revoked: 'This API key was revoked.',
  expired: 'This API key has expired.',
  replaced: 'This API key was replaced by a rotation.',
};

/** Whether nothing is kept from a key, so that it needs no role of its own, which costs two round trips a query. */
const seesAndDoesAll = ({ scopes, sites, cameras, watchlists }: Key): boolean =>
  scopes.has('administer') && sites === null && cameras === null && watchlists === null;

/** Finds out who makes a call, by a key or by a session, and remembers it for some seconds. */
export class Admission {
  readonly #database: Database;
  readonly #rate: CallRate;
  readonly #refused: RefusedKeys;
  readonly #trusted = new Map<string, Admitted>();

  constructor({
    database,
    workerId,
    stopping,
    log,
  }: Pick<Services, 'database' | 'workerId' | 'stopping' | 'log'>) {
    this.#database = database;
    this.#rate = new CallRate(database);
    this.#refused = new RefusedKeys(database, workerId, log);
    stopping?.addEventListener('abort', () => this.#refused.write());
  }

  /**
   * Who has this key.
   *
   * @throws {WatchpostError} key_invalid, rate_limited.
   */
  byKey(secret: string): Promise<Admitted> {
    return this.#once('key', digest(secret), async (sha256) => {
      const found = await this.#find<FoundKey>('authenticate', sha256);
      if (found?.state === 'valid') return found;
      this.#refused.note(found?.state ?? 'unknown', found?.name);
      throw new WatchpostError(
        'key_invalid',
        found ? endings[found.state as keyof typeof endings] : 'This API key is not known here.',
      );
    });
  }

  /**
   * Who has opened the session with this token.
   *
   * @throws {WatchpostError} session_missing, rate_limited.
   */
  bySession(token: string): Promise<Admitted> {
    return this.#once('session', digest(token), async (sha256) => {
      const found = await this.#find<FoundSession>('authenticate_session', sha256);
      if (found?.state === 'valid') return found;
      throw new WatchpostError('session_missing', 'The session has ended.', { hint: 'Log in again.' });
    });
  }

  /** Counts a call without a key, for the record. */
  noteMissing(): void {
    this.#refused.note('missing');
  }

  /** Forgets a session that was closed. Other API processes do within 5 seconds. */
  forget(token: string): void {
    this.#trusted.delete(nameOf('session', digest(token)));
  }

  async #find<Found extends FoundKey>(by: 'authenticate' | 'authenticate_session', sha256: Buffer) {
    const { rows } = await this.#database.pool.query<Found>(`select * from watchpost.${by}($1)`, [sha256]);
    return rows[0];
  }

  async #once(
    kind: 'key' | 'session',
    sha256: Buffer,
    lookUp: (sha256: Buffer) => Promise<FoundKey | FoundSession>,
  ): Promise<Admitted> {
    const name = nameOf(kind, sha256);
    let known = this.#trusted.get(name);
    if (!known || known.until <= Date.now()) {
      this.#trusted.delete(name);
      // Before the database counts how long the key is valid: the time of the answer does not extend it.
      const askedAt = Date.now();
      const found = await lookUp(sha256);
      // Nobody waits for it, and if it fails the next call tries again.
      if (!found.use_noted)
        this.#database.pool.query('select watchpost.note_key_use($1)', [found.id]).catch(() => {});
      const by = kind === 'key' ? 'authenticate' : 'authenticate_session';
      const isStillValid = async () => {
        const now = await this.#find(by, sha256);
        return now?.state === 'valid' && rightsOf(now) === rightsOf(found);
      };
      known = this.#admit(found, isStillValid, askedAt);
      this.#trusted.set(name, known);
    }
    if (known.key.ratePerMinute !== null) await this.#rate.take(known.key.id);
    return known;
  }

  #admit(found: FoundKey | FoundSession, isStillValid: Key['isStillValid'], askedAt: number): Admitted {
    const key = keyOf(found, isStillValid);
    const subject = 'subject' in found ? found.subject : null;
    const actor = subject === null ? `api:${key.name}` : `oidc:${subject}`;
    return {
      key,
      actor,
      db: seesAndDoesAll(key) ? this.#database.db : openAsKey(this.#database, { id: key.id, actor }),
      ...('expires_at' in found ? { expiresAt: found.expires_at } : {}),
      until: askedAt + Math.min(trustFor, found.valid_ms ?? trustFor),
    };
  }
}

const nameOf = (kind: 'key' | 'session', sha256: Buffer): string => `${kind} ${sha256.toString('hex')}`;

const keyOf = (found: FoundKey, isStillValid: Key['isStillValid']): Key => ({
  id: found.id,
  name: found.name,
  scopes: new Set(found.scopes),
  sites: found.sites,
  cameras: found.cameras,
  watchlists: found.watchlists,
  ratePerMinute: found.rate_per_minute,
  maxStreams: found.max_streams,
  maxBacklog: found.max_backlog,
  isStillValid,
});
