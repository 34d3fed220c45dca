import { type Kysely, sql } from 'kysely';
import { fingerprintOf, forgetDataKeys, fromStored, openWrapped, toStored, wrap } from './at-rest.ts';
import type { DB } from './types.generated.ts';

/** What is done to everything that is encrypted at rest. What encrypts a photo: at-rest.ts. */

/** How many of a kind are stored how. */
interface Stored {
  readonly encrypted: number;
  readonly plain: number;
}

/** The data keys, and how photos and crops are stored. Reads the beginning of each. */
export const countStored = async (db: Kysely<DB>) => {
  const { rows } = await sql<{ photos: Stored; crops: Stored }>`
    select
      (
        select json_build_object(
          'encrypted', count(*) filter (where watchpost.is_encrypted(i.bytes)),
          'plain', count(*) filter (where not watchpost.is_encrypted(i.bytes))
        )
        from watchpost.image as i
      ) as photos,
      (
        select json_build_object(
          'encrypted', count(*) filter (where watchpost.is_encrypted(f.crop)),
          'plain', count(*) filter (where not watchpost.is_encrypted(f.crop))
        )
        from watchpost.face as f
      ) as crops
  `.execute(db);
  const keys = await db
    .selectFrom('watchpost.data_key')
    .select(['id', 'wrapped_by', 'created_at', 'destroyed_at'])
    .orderBy('id')
    .execute();
  return { ...(rows[0] as { photos: Stored; crops: Stored }), keys };
};

/** Rows that are converted in one transaction: a photo may have 100 MB. */
const rowsAtATime = 20;

/** The columns with bytes that are encrypted. */
const columns = [
  { table: 'image', column: 'bytes' },
  { table: 'face', column: 'crop' },
] as const;

/**
 * Encrypts what is stored plain, or the reverse, along the primary keys. What was interrupted goes on with the next call.
 *
 * @returns how many photos and crops.
 */
export const convertStored = async (
  db: Kysely<DB>,
  to: 'encrypted' | 'plain',
  onConverted: (rows: number) => void,
): Promise<number> => {
  let converted = 0;
  for (const { table, column } of columns) {
    const [relation, bytes] = [sql.table(`watchpost.${table}`), sql.ref(column)];
    for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
      const { rows } = await sql<{ id: string; stored: Buffer }>`
        select id, ${bytes} as stored
        from ${relation}
        where id > ${after}::uuid and watchpost.is_encrypted(${bytes}) = ${to === 'plain'}
        order by id
        limit ${rowsAtATime}
      `.execute(db);
      const last = rows.at(-1);
      if (!last) break;
      await db.transaction().execute(async (trx) => {
        for (const { id, stored } of rows) {
          const changed = to === 'plain' ? await fromStored(trx, stored) : await toStored(trx, stored);
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

/** Destroys the data keys: what was encrypted with them cannot be read any more. */
export const destroyKeys = async (db: Kysely<DB>): Promise<number> => {
  const { rows } = await sql<{ n: number }>`select watchpost.destroy_data_keys() as n`.execute(db);
  forgetDataKeys();
  return rows[0]?.n ?? 0;
};
