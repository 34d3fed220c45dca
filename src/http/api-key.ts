import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context, MiddlewareHandler } from 'hono';
import type { Database } from '../database/pool.ts';
import { CommandError, WatchpostError } from '../errors.ts';
import { type Key, scopes } from './key.ts';
import type { Served } from './services.ts';

const digest = (key: string): Buffer => createHash('sha256').update(key).digest();

/**
 * The API key of this installation: the given one, else the one in the file `dataDir/api-key`, else a new one, which is
 * written to that file, readable by its owner only. The database gets its SHA-256.
 *
 * A given key replaces the one given before. Keys of files are all valid, each named by its hash: two machines with
 * one database have a folder and a key each.
 *
 * @param given the value of WATCHPOST_API_KEY.
 * @returns the key itself, to be shown to the person who starts the server.
 * @throws {CommandError} if the key was revoked, or the file is empty.
 */
export const provideApiKey = async (database: Database, dataDir: string, given?: string): Promise<string> => {
  const file = join(dataDir, 'api-key');
  const key = given ?? (await keyInFile(dataDir, file));
  const hash = digest(key);
  const name = given ? 'environment' : `local-${hash.toString('hex').slice(0, 8)}`;
  await database.pool.query(
    `insert into watchpost.api_key (name, sha256)
     select $1, $2
     where not exists (select from watchpost.api_key where sha256 = $2)
     on conflict (name) do update set sha256 = excluded.sha256, revoked_at = null`,
    [name, hash],
  );
  const row = await database.db
    .selectFrom('watchpost.api_key')
    .select('revoked_at')
    .where('sha256', '=', hash)
    .executeTakeFirstOrThrow();
  if (row.revoked_at) {
    throw new CommandError(
      given
        ? 'The API key in WATCHPOST_API_KEY was revoked: set another one.'
        : `The API key in ${file} was revoked: delete the file, and a new key is made.`,
    );
  }
  return key;
};

const keyInFile = async (dataDir: string, file: string): Promise<string> => {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const known = await readKey(file);
  if (known !== undefined) return known;
  // Written to another file and then linked: of processes that start together one wins, and none reads half a key.
  const own = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(own, `wp_${randomBytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 });
  try {
    await link(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await unlink(own);
  }
  return (await readKey(file)) as string;
};

/** The key in a file; undefined if there is no such file. */
const readKey = async (file: string): Promise<string | undefined> => {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (text?.trim() === '') {
    throw new CommandError(`The file ${file} holds no API key: delete it, and a new key is made.`);
  }
  return text?.trim();
};

/** Milliseconds for which a valid key is not looked up again. A revoked key remains valid that much longer. */
const trustFor = 5_000;

/**
 * Admits calls with a valid key, in `Authorization: Bearer KEY` or `X-API-Key: KEY`, and sets `key`, its name as `caller`,
 * and the database as it may see it as `db`.
 * Keys are looked up by their hash, so the time of the lookup reveals nothing about a key.
 *
 * @throws {WatchpostError} key_missing, key_invalid.
 */
export const requireApiKey = (database: Database): MiddlewareHandler<Served> => {
  const trusted = new Map<string, { key: Key; until: number }>();
  const admit = (c: Context<Served>, key: Key): void => {
    c.set('key', key);
    c.set('caller', key.name);
    c.set('db', database.db);
  };
  return async (c, next) => {
    const given =
      c.req.header('x-api-key') ?? /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (!given) {
      throw new WatchpostError('key_missing', 'This call needs an API key.', {
        hint: 'Send it as "Authorization: Bearer KEY". The server prints its key when it starts.',
      });
    }
    const hash = digest(given);
    const known = trusted.get(hash.toString('hex'));
    if (known && known.until > Date.now()) {
      admit(c, known.key);
      return next();
    }
    const row = await database.db
      .selectFrom('watchpost.api_key')
      .select(['id', 'name'])
      .where('sha256', '=', hash)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    trusted.delete(hash.toString('hex'));
    if (!row) throw new WatchpostError('key_invalid', 'This API key is not known here, or was revoked.');
    const key: Key = { ...row, scopes: new Set(scopes), sites: null, cameras: null, watchlists: null };
    trusted.set(hash.toString('hex'), { key, until: Date.now() + trustFor });
    admit(c, key);
    return next();
  };
};
