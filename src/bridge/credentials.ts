import { type Kysely, sql } from 'kysely';
import { z } from 'zod';
import { fromStored, isEncrypted, isEncrypting, toStored } from '../database/at-rest.ts';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
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
export const readCredentials = async ({ db }: Database, { id }: Pick<Bridge, 'id'>): Promise<Credentials> => {
  const row = await db
    .selectFrom('watchpost.bridge_secret')
    .select('secret')
    .where('id', '=', id)
    .executeTakeFirst();
  if (!row) return {};
  const bytes = await fromStored(db, row.secret);
  if (isEncrypting() && !isEncrypted(row.secret)) {
    const secret = await toStored(db, bytes, () => siteOf(db, id));
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

/** Credentials as they are to be stored, encrypted where this process encrypts. */
export const toSecret = (db: Kysely<DB>, bridgeId: string, credentials: Credentials): Promise<Buffer> =>
  toStored(db, Buffer.from(JSON.stringify(credentials)), () => siteOf(db, bridgeId));

/** The site by whose key the credentials of a bridge are encrypted: its own, or the first of all. */
const siteOf = async (db: Kysely<DB>, bridgeId: string): Promise<string | undefined> => {
  const { rows } = await sql<{ id: string }>`
    select coalesce(b.site_id, watchpost.default_site()) as id from watchpost.bridge as b where b.id = ${bridgeId}
  `.execute(db);
  return rows[0]?.id;
};
