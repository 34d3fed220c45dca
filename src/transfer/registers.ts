import { type Kysely, type RawBuilder, sql } from 'kysely';
import { toWatchpostError } from '../convert-error.ts';
import type { DB } from '../database/types.generated.ts';
import { WatchpostError } from '../errors.ts';
import { assertKnown } from '../text-file.ts';
import { addToWatchlist, findWatchlist } from '../watchlist/registry.ts';
import type { RegisterRow } from './manifest.ts';

/**
 * Cameras and lists, to and from an export: whole rows as JSON, so that a column that is added to the table is part of
 * an export without a change here.
 */

type Register = 'camera' | 'watchlist';

/** Columns that say something only where the row was written. */
const left: Record<Register, readonly string[]> = {
  // Plans stay where they are: a picture is not part of an export.
  camera: ['id', 'removed_at', 'plan_id', 'plan_x', 'plan_y'],
  watchlist: ['id', 'version', 'changed_at'],
};

/** All rows that are in use, in the order of their names. */
export const readRegister = async (db: Kysely<DB>, register: Register): Promise<RegisterRow[]> => {
  const { rows } = await sql<{ row: RegisterRow }>`
    select to_jsonb(r) - ${left[register]}::text[] || ${rewritten[register]} as row
    from ${sql.table(`watchpost.${register}`)} as r
    where to_jsonb(r) ->> 'removed_at' is null
    order by r.name
  `.execute(db);
  return rows.map(({ row }) => (register === 'watchlist' ? withoutDerived(row) : row));
};

/** What a row has in another form in an export: a list the names of the cameras that it is for. */
const rewritten: Record<Register, RawBuilder<object>> = {
  camera: sql`'{}'::jsonb`,
  watchlist: sql`jsonb_build_object('cameras', (
    select jsonb_agg(c.name order by c.name) from watchpost.camera as c where c.id = any (r.cameras)
  ))`,
};

/**
 * The row with the ids of the cameras that it names.
 *
 * @throws {WatchpostError} by SQLSTATE: camera_unknown.
 */
const withCameraIds = async (trx: Kysely<DB>, row: RegisterRow): Promise<RegisterRow> => {
  if (!Array.isArray(row.cameras)) return row;
  const { rows } = await sql<{ ids: string[] }>`
    select array(select watchpost.find_camera(n) from unnest(${row.cameras}::text[]) as n order by 1) as ids
  `.execute(trx);
  return { ...row, cameras: rows[0]?.ids ?? [] };
};

/** A list that names a threshold takes its number from the model that is used where it is imported. */
const withoutDerived = (list: RegisterRow): RegisterRow => {
  const { threshold, ...others } = list;
  return others.threshold_name === null ? { ...others, threshold: threshold ?? null } : others;
};

/** What became of a row. */
type RegisterOutcome = 'added' | 'known';

/**
 * Adds a row, unless there is one of its name.
 *
 * @throws {WatchpostError} name_taken if that one differs: it is left as it is. import_invalid, and the errors of the table.
 */
export const addToRegister = async (
  trx: Kysely<DB>,
  register: Register,
  given: RegisterRow,
): Promise<RegisterOutcome> => {
  const row = await withCameraIds(trx, given);
  const called = `The ${register} ${JSON.stringify(row.name)}`;
  const columns = await columnsOf(trx, register);
  assertKnown(called, 'column', Object.keys(row), columns);
  const different = await differences(trx, register, row);
  if (different === undefined) {
    await trx
      .insertInto(`watchpost.${register}`)
      .values(row as never)
      .execute()
      .catch((error) => {
        const { code } = toWatchpostError(error);
        if (code !== 'value_invalid') throw error;
        throw new WatchpostError('import_invalid', `${called} is refused: ${error.message}.`, {
          cause: error,
        });
      });
    return 'added';
  }
  if (different.length > 0) {
    throw new WatchpostError(
      'name_taken',
      `${called} is there with another ${different.join(', ')}: it was left as it is.`,
    );
  }
  return 'known';
};

const columnsOf = async (trx: Kysely<DB>, register: Register): Promise<string[]> => {
  const { rows } = await sql<{ name: string }>`
    select a.attname as name
    from pg_attribute as a
    where a.attrelid = ${`watchpost.${register}`}::regclass and a.attnum > 0 and not a.attisdropped
    order by a.attnum
  `.execute(trx);
  return rows.map((column) => column.name).filter((column) => !left[register].includes(column));
};

/**
 * The columns in which the row of this name differs from the given one; undefined if there is no such row. created_at
 * may differ, and so may a threshold that follows a calibration.
 */
const differences = async (
  trx: Kysely<DB>,
  register: Register,
  row: RegisterRow,
): Promise<string[] | undefined> => {
  const given = JSON.stringify(row);
  const { rows } = await sql<{ different: string[] }>`
    select array(
      select a.key
      from jsonb_each(to_jsonb(r)) as a
      join jsonb_each(to_jsonb(jsonb_populate_record(r, ${given}::jsonb))) as b using (key)
      where a.value <> b.value
        and a.key <> 'created_at'
        and not (a.key = 'threshold' and (to_jsonb(r) ->> 'target_fpir') is not null)
      order by a.key
    ) as different
    from ${sql.table(`watchpost.${register}`)} as r
    where r.name = ${row.name} and to_jsonb(r) ->> 'removed_at' is null
  `.execute(trx);
  return rows[0]?.different;
};

/**
 * Puts people on a list that has ended, which is not possible otherwise, and adds the list if it is not there. It is
 * opened for that; within the transaction it is not searched.
 */
export const fillEndedList = async (
  trx: Kysely<DB>,
  list: RegisterRow,
  entries: readonly { readonly personId: string; readonly since: string | undefined }[],
): Promise<RegisterOutcome> => {
  const { rows } = await sql<{ valid_until: string; enabled: boolean }>`
    select w.valid_until::text, w.enabled from watchpost.watchlist as w where w.name = ${list.name}
  `.execute(trx);
  const end = rows[0] ?? { valid_until: list.valid_until, enabled: list.enabled ?? true };
  if (rows.length === 0) {
    await addToRegister(trx, 'watchlist', { ...list, valid_until: null, enabled: false });
  } else {
    await sql`
      update watchpost.watchlist set valid_until = null, enabled = false where name = ${list.name}
    `.execute(trx);
  }
  for (const { personId, since } of entries) {
    await addToWatchlist(trx, await findWatchlist(trx, list.name), personId, since);
  }
  await sql`
    update watchpost.watchlist
    set valid_until = ${end.valid_until}::timestamptz, enabled = ${end.enabled}
    where name = ${list.name}
  `.execute(trx);
  return rows.length === 0 ? 'added' : 'known';
};

/** Whether a list of an export has ended, and is not there or has ended there, too. */
export const isEnded = async (db: Kysely<DB>, list: RegisterRow): Promise<boolean> => {
  const { rows } = await sql<{ ended: boolean }>`
    select
      ${list.valid_until ?? null}::timestamptz <= now()
      and not exists (
        select from watchpost.watchlist as w where w.name = ${list.name} and coalesce(w.valid_until, 'infinity') > now()
      ) as ended
  `.execute(db);
  return rows[0]?.ended ?? false;
};

/** Whether there is a list of this name. */
export const isThere = async (db: Kysely<DB>, list: RegisterRow): Promise<boolean> => {
  const { rows } = await sql`select from watchpost.watchlist as w where w.name = ${list.name}`.execute(db);
  return rows.length > 0;
};
