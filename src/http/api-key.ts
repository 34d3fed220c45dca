import { createHash } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import type { Kysely } from 'kysely';
import { openAsKey } from '../database/as-key.ts';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { actorOf } from './as-caller.ts';
import { CallRate } from './call-rate.ts';
import type { Key, Scope } from './key.ts';
import { RefusedKeys } from './refused-keys.ts';
import type { Served, Services } from './services.ts';

/** Milliseconds for which a valid key is not looked up again. A revoked key remains valid that much longer. */
const trustFor = 5_000;

const digest = (key: string): Buffer => createHash('sha256').update(key).digest();

/** A key as `watchpost.authenticate` finds it. */
interface Found {
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

const find = async ({ pool }: Database, sha256: Buffer): Promise<Found | undefined> => {
  const { rows } = await pool.query<Found>('select * from watchpost.authenticate($1)', [sha256]);
  return rows[0];
};

/** A key that was looked up. */
interface Known {
  readonly key: Key;
  readonly db: Kysely<DB>;
  /** In ms since 1970: when it is to be looked up again. */
  readonly until: number;
}

/** Whether nothing is kept from a key, so that it needs no role of its own, which costs two round trips a query. */
const seesAndDoesAll = ({ scopes, sites, cameras, watchlists }: Key): boolean =>
  scopes.has('administer') && sites === null && cameras === null && watchlists === null;

/** What a key may see and do, to be compared. */
const rightsOf = ({ scopes, sites, cameras, watchlists }: Found): string =>
  JSON.stringify([scopes, sites, cameras, watchlists]);

const endings = {
  revoked: 'This API key was revoked.',
  expired: 'This API key has expired.',
  replaced: 'This API key was replaced by a rotation.',
};

/**
 * Admits calls with a valid key, in `Authorization: Bearer KEY` or `X-API-Key: KEY`, and sets `key`, its name as `caller`,
 * and the database as it may see it as `db`.
 * Keys are looked up by their hash, so the time of the lookup reveals nothing about a key.
 *
 * @throws {WatchpostError} key_missing, key_invalid, rate_limited.
 */
export const requireApiKey = ({
  database,
  workerId,
  stopping,
  log,
}: Pick<Services, 'database' | 'workerId' | 'stopping' | 'log'>): MiddlewareHandler<Served> => {
  const trusted = new Map<string, Known>();
  const rate = new CallRate(database);
  const refused = new RefusedKeys(database, workerId, log);
  stopping?.addEventListener('abort', () => refused.write());

  const lookUp = async (sha256: Buffer): Promise<Known> => {
    // Before the database counts how long the key is valid: the time of the answer does not extend it.
    const askedAt = Date.now();
    const found = await find(database, sha256);
    if (found?.state !== 'valid') {
      refused.note(found?.state ?? 'unknown', found?.name);
      throw new WatchpostError(
        'key_invalid',
        found ? endings[found.state as keyof typeof endings] : 'This API key is not known here.',
      );
    }
    // Nobody waits for it, and if it fails the next call tries again.
    if (!found.use_noted)
      database.pool.query('select watchpost.note_key_use($1)', [found.id]).catch(() => {});
    const key = keyOf(found, async () => {
      const now = await find(database, sha256);
      return now?.state === 'valid' && rightsOf(now) === rightsOf(found);
    });
    return {
      key,
      db: seesAndDoesAll(key) ? database.db : openAsKey(database, { id: key.id, actor: actorOf(key.name) }),
      until: askedAt + Math.min(trustFor, found.valid_ms ?? trustFor),
    };
  };

  return async (c, next) => {
    const given =
      c.req.header('x-api-key') ?? /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (!given) {
      refused.note('missing');
      throw new WatchpostError('key_missing', 'This call needs an API key.', {
        hint: 'Send it as "Authorization: Bearer KEY". The first one is in the file api-key of the data folder; "watchpost key create" makes more.',
      });
    }
    const sha256 = digest(given);
    const hash = sha256.toString('hex');
    let known = trusted.get(hash);
    if (!known || known.until <= Date.now()) {
      trusted.delete(hash);
      known = await lookUp(sha256);
      trusted.set(hash, known);
    }
    if (known.key.ratePerMinute !== null) await rate.take(known.key.id);
    c.set('key', known.key);
    c.set('caller', known.key.name);
    c.set('db', known.db);
    return next();
  };
};

const keyOf = (found: Found, isStillValid: Key['isStillValid']): Key => ({
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
