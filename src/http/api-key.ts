import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MiddlewareHandler } from 'hono';
import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';
import type { Served } from './app.ts';

const digest = (key: string): Buffer => createHash('sha256').update(key).digest();

/**
 * The key this installation accepts, made known to the database by its hash: the one given, else the one in
 * `dataDir/api-key`, else a new one that is kept there, readable by its owner only.
 *
 * @param given the value of WATCHPOST_API_KEY.
 * @returns the key itself, for showing to the person who starts the server.
 */
export const provideApiKey = async (database: Database, dataDir: string, given?: string): Promise<string> => {
  const key = given ?? (await keptKey(dataDir));
  await database.db
    .insertInto('watchpost.api_key')
    .values({ name: given ? 'environment' : 'local', sha256: digest(key) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ sha256: digest(key), revoked_at: null }))
    .execute();
  return key;
};

const keptKey = async (dataDir: string): Promise<string> => {
  const file = join(dataDir, 'api-key');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  // 'wx': of two processes that start at once, one writes and both read what it wrote.
  await writeFile(file, `wp_${randomBytes(32).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 }).catch(
    (error) => {
      if (error.code !== 'EEXIST') throw error;
    },
  );
  return (await readFile(file, 'utf8')).trim();
};

/** How long a key that was found good is not looked up again, in ms: a revoked key works that long. */
const trustFor = 5_000;

/**
 * Lets a call pass if it carries a key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`, and remembers whose it is.
 * Keys are looked up by their hash, so a comparison tells nothing by its time.
 */
export const requireApiKey = (database: Database): MiddlewareHandler<Served> => {
  const trusted = new Map<string, { name: string; until: number }>();
  return async (c, next) => {
    const key = c.req.header('x-api-key') ?? /^Bearer (.+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (!key) {
      throw new WatchpostError('key_missing', 'This call needs an API key.', {
        hint: 'Send it as "Authorization: Bearer KEY". The server prints its key when it starts.',
      });
    }
    const hash = digest(key);
    const known = trusted.get(hash.toString('hex'));
    if (known && known.until > Date.now()) {
      c.set('caller', known.name);
      return next();
    }
    const row = await database.db
      .selectFrom('watchpost.api_key')
      .select('name')
      .where('sha256', '=', hash)
      .where('revoked_at', 'is', null)
      .executeTakeFirst();
    trusted.delete(hash.toString('hex'));
    if (!row) throw new WatchpostError('key_invalid', 'This API key is not known here, or was revoked.');
    trusted.set(hash.toString('hex'), { name: row.name, until: Date.now() + trustFor });
    c.set('caller', row.name);
    return next();
  };
};
