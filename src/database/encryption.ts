import { type Kysely, sql } from 'kysely';
import { fingerprintOf, forgetDataKeys, fromStored, openWrapped, toStored, wrap } from './at-rest.ts';
import type { DB } from './types.generated.ts';

/** What is done to everything that is encrypted at rest. What encrypts a photo: at-rest.ts. */

/** How many of a kind are stored how. */
interface Stored {
  readonly encrypted: number;
  readonly plain: number;
  /** Encrypted by a key that was destroyed. */
  readonly lost: number;
}

/** A data key, and how many photos and crops it has encrypted. */
interface StoredKey {
  readonly id: string;
  /** Name of its site. */
  readonly site: string;
  readonly site_id: string;
  readonly wrapped_by: string;
  readonly created_at: Date;
  readonly destroyed_at: Date | null;
  readonly photos: number;
  readonly crops: number;
}

/** The data keys, and how photos and crops are stored. Reads the beginning of each. */
export const countStored = async (
  db: Kysely<DB>,
): Promise<{ photos: Stored; crops: Stored; keys: StoredKey[] }> => {
  const { rows: counts } = await sql<{ key: string | null; photos: number; crops: number }>`
    select s.key, count(*) filter (where s.is_photo)::integer as photos, count(*) filter (where not s.is_photo)::integer as crops
    from (
      select watchpost.data_key_of(i.bytes) as key, true as is_photo from watchpost.image as i where i.bytes is not null
      union all
      select watchpost.data_key_of(f.crop), false from watchpost.face as f where f.crop is not null
    ) as s
    group by s.key
  `.execute(db);
  const rows = await db
    .selectFrom('watchpost.data_key as k')
    .innerJoin('watchpost.site as s', 's.id', 'k.site_id')
    .select(['k.id', 's.name as site', 'k.site_id', 'k.wrapped_by', 'k.created_at', 'k.destroyed_at'])
    .orderBy('k.id')
    .execute();
  const keys = rows.map((row) => {
    const { photos = 0, crops = 0 } = counts.find(({ key }) => key === row.id) ?? {};
    return { ...row, photos, crops };
  });
  const destroyed = new Set(keys.filter((key) => key.destroyed_at).map(({ id }) => id));
  const sum = (of: 'photos' | 'crops'): Stored => {
    const stored = { encrypted: 0, plain: 0, lost: 0 };
    for (const count of counts)
      stored[count.key === null ? 'plain' : destroyed.has(count.key) ? 'lost' : 'encrypted'] += count[of];
    return stored;
  };
  return { photos: sum('photos'), crops: sum('crops'), keys };
};

/** Rows that are converted in one transaction: a photo may have 100 MB. */
const rowsAtATime = 20;

/** The columns with bytes that are encrypted. */
const columns = [
  { table: 'image', column: 'bytes', site: sql`t.site_id` },
  {
    table: 'face',
    column: 'crop',
    site: sql`(select i.site_id from watchpost.image as i where i.id = t.image_id)`,
  },
  {
    table: 'bridge_secret',
    column: 'secret',
    site: sql`(select coalesce(b.site_id, watchpost.default_site()) from watchpost.bridge as b where b.id = t.id)`,
  },
] as const;

/**
 * Encrypts what is stored plain, or the reverse, along the primary keys. What was interrupted goes on with the next call.
 * What a destroyed key has encrypted stays as it is.
 *
 * @returns how many photos and crops.
 */
export const convertStored = async (
  db: Kysely<DB>,
  to: 'encrypted' | 'plain',
  onConverted: (rows: number) => void,
): Promise<number> => {
  let converted = 0;
  for (const { table, column, site } of columns) {
    const [relation, bytes] = [sql.table(`watchpost.${table}`), sql.ref(column)];
    for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
      const { rows } = await sql<{ id: string; site_id: string; stored: Buffer }>`
        select t.id, ${site} as site_id, t.${bytes} as stored
        from ${relation} as t
        where t.id > ${after}::uuid
          and watchpost.is_encrypted(t.${bytes}) = ${to === 'plain'}
          and not exists (
            select
            from watchpost.data_key as k
            where k.id = watchpost.data_key_of(t.${bytes}) and k.destroyed_at is not null
          )
        order by t.id
        limit ${rowsAtATime}
      `.execute(db);
      const last = rows.at(-1);
      if (!last) break;
      await db.transaction().execute(async (trx) => {
        for (const { id, site_id, stored } of rows) {
          const changed =
            to === 'plain' ? await fromStored(trx, stored) : await toStored(trx, stored, () => site_id);
          await sql`update ${relation} set ${bytes} = ${changed} where id = ${id}::uuid and ${bytes} is not null`.execute(
            trx,
          );
        }
      });
      after = last.id;
      converted += rows.length;
      onConverted(rows.length);
    }
  }
  return converted;
};

/**
 * Wraps the data keys by another key.
 *
 * @returns how many.
 * @throws {RangeError} if a data key was not wrapped by the older one.
 */
export const rewrapKeys = (db: Kysely<DB>, older: Buffer, newer: Buffer): Promise<number> =>
  db.transaction().execute(async (trx) => {
    const keys = await trx
      .selectFrom('watchpost.data_key')
      .select(['id', 'wrapped', 'wrapped_by'])
      .where('destroyed_at', 'is', null)
      .where('wrapped_by', '<>', fingerprintOf(newer) as string)
      .forUpdate()
      .execute();
    for (const { id, wrapped, wrapped_by } of keys) {
      if (wrapped_by !== fingerprintOf(older) || wrapped === null)
        throw new RangeError(
          `The data key ${id} was wrapped by ${wrapped_by}, and not by ${fingerprintOf(older)}.`,
        );
      await trx
        .updateTable('watchpost.data_key')
        .set({
          wrapped: wrap(newer, openWrapped(older, wrapped)),
          wrapped_by: fingerprintOf(newer) as string,
        })
        .where('id', '=', id)
        .execute();
    }
    return keys.length;
  });

/**
 * Destroys the data key of a site: what was encrypted with it cannot be read any more.
 *
 * @param siteId undefined: those of all sites.
 * @returns how many keys.
 */
export const destroyKeys = async (db: Kysely<DB>, siteId?: string): Promise<number> => {
  const { rows } = await sql<{ n: number }>`
    select watchpost.destroy_data_keys(${siteId ?? null}::uuid) as n
  `.execute(db);
  forgetDataKeys();
  return rows[0]?.n ?? 0;
};
