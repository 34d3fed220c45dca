import { createHash, randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../database/pool.ts';
import { CommandError } from '../errors.ts';

/** The key that an API process starts with. */
export interface FirstKey {
  /** The key; undefined: there are keys already, and none is kept here. It is never printed. */
  readonly key: string | undefined;
  /** The file that holds it; undefined: the settings do, or nothing does. */
  readonly file: string | undefined;
}

/**
 * Sees to it that somebody may call the API. The given key, or the one in the file `dataDir/api-key`, is made known to the
 * database, by its SHA-256, with all rights. If there is neither, and no valid key in the database with all rights, a new
 * one is written to that file, readable by its owner only.
 *
 * @param given the value of WATCHPOST_API_KEY, which replaces the one given before.
 * @throws {CommandError} if the key was revoked, rotated or has expired, or the file is empty.
 */
export const provideFirstKey = async (
  database: Database,
  dataDir: string,
  given?: string,
): Promise<FirstKey> => {
  const file = join(dataDir, 'api-key');
  const key = given ?? (await readKey(file)) ?? (await makeKey(database, file));
  if (key === undefined) return { key, file: undefined };
  const sha256 = createHash('sha256').update(key).digest();
  const name = given === undefined ? `local-${sha256.toString('hex').slice(0, 8)}` : 'environment';
  const { rows } = await database.pool.query<{ state: keyof typeof endings | 'valid' }>(
    'select watchpost.admit_key($1, $2, $3) as state',
    [name, sha256, given !== undefined],
  );
  const { state } = rows[0] as (typeof rows)[number];
  if (state !== 'valid') {
    throw new CommandError(
      given === undefined
        ? `The API key in ${file} ${endings[state]}: delete the file, and a new key is made if there is no other.`
        : `The API key in WATCHPOST_API_KEY ${endings[state]}: set another one.`,
    );
  }
  return { key, file: given === undefined ? file : undefined };
};

const endings = {
  revoked: 'was revoked',
  expired: 'has expired',
  replaced: 'was replaced by a rotation',
};

/** A new key in the file, if nobody could call the API otherwise. */
const makeKey = async ({ pool }: Database, file: string): Promise<string | undefined> => {
  const { rows } = await pool.query<{ yes: boolean }>('select watchpost.is_administered() as yes');
  // Another process with this folder may have made it just now.
  if (rows[0]?.yes) return readKey(file);
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
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
  return readKey(file);
};

/** The key in a file; undefined if there is no such file. */
const readKey = async (file: string): Promise<string | undefined> => {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (text?.trim() === '') {
    throw new CommandError(
      `The file ${file} holds no API key: delete it, and a new key is made if there is no other.`,
    );
  }
  return text?.trim();
};
