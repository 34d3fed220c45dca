import { sql } from 'kysely';
import { z } from 'zod';
import { fromStored, isEncrypted, isEncrypting, toStored } from '../database/at-rest.ts';
import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';
import type { Bridge, Credentials } from './bridge.ts';

const shape = z.object({
  username: z.string().optional(),
  password: z.string().optional(),
  token: z.string().optional(),
});

/**
 * How a bridge logs in. What was given by SQL is stored plain; where this process encrypts, it is encrypted now.
 *
 * @throws {WatchpostError} bridge_invalid; those of fromStored.
 */
export const readCredentials = async (
  { db }: Database,
  { id, site_id }: Pick<Bridge, 'id' | 'site_id'>,
): Promise<Credentials> => {
  const row = await db
    .selectFrom('watchpost.bridge_secret')
    .select('secret')
    .where('id', '=', id)
    .executeTakeFirst();
  if (!row) return {};
  const bytes = await fromStored(db, row.secret);
  if (isEncrypting() && !isEncrypted(row.secret)) {
    const secret = await toStored(db, bytes, async () => site_id ?? (await firstSite(db)));
    await db
      .updateTable('watchpost.bridge_secret')
      .set({ secret })
      .where('id', '=', id)
      .where('secret', '=', row.secret)
      .execute();
  }
  const parsed = shape.safeParse(JSON.parse(bytes.toString('utf8')));
  if (parsed.success) return parsed.data;
  throw new WatchpostError('bridge_invalid', 'The credentials of the bridge cannot be used.', {
    hint: 'Give {"username", "password"} or {"token"}.',
  });
};

const firstSite = async (db: Database['db']): Promise<string | undefined> => {
  const { rows } = await sql<{ id: string }>`select watchpost.default_site() as id`.execute(db);
  return rows[0]?.id;
};
