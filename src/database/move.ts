import type pg from 'pg';
import { CommandError } from '../errors.ts';
import { copyTable, countRows, listTables, type StoredTable, schemas } from './stored-tables.ts';

/** What was moved; the counts are the same on both sides. */
export interface Moved {
  readonly tables: number;
  readonly rows: number;
  /** The latest seal of the old database, number and digest; undefined: nothing was sealed. */
  readonly head: string | undefined;
}

/** Where to report how far the move is. */
interface MoveReport {
  /** So many bytes of so many are copied. */
  copied(bytes: number, of: number): void;
  /** What is done after the copying. */
  checking(): void;
}

/** Tables that have rows in a new database. */
const filledAtFirst = [
  'watchpost.subscription',
  'watchpost.upkeep_task',
  'watchpost.stranger_setting',
  'watchpost.seal_head',
  'watchpost.retention',
  'watchpost.site',
  'watchpost.processing_default',
  'watchpost.alarm_rule',
  'watchpost.link_key',
];

/**
 * Says what a database already holds.
 *
 * @returns the first table with rows that a new installation does not have; undefined: nothing was ever stored there.
 */
export const findOccupied = async (client: pg.ClientBase): Promise<string | undefined> => {
  for (const { name } of await listTables(client)) {
    if (filledAtFirst.includes(name)) continue;
    const { rows } = await client.query(`select from ${name} limit 1`);
    if (rows.length > 0) return name;
  }
  return undefined;
};

/**
 * Copies all that an installation has stored into a database that has the same schema and nothing in it: rows, partitions,
 * detached ones too, and sequences. All or nothing: the new database gets everything in one transaction. Meanwhile the old
 * one can only be read. The record continues in the new one, with a seal that says that it was moved.
 *
 * @param from to a database of this version, outside a transaction; a server lets it be idle in one.
 * @param to as the owner of the new database. No superuser is needed: instead of switching all triggers off, foreign keys
 *   are dropped and made again.
 * @throws {CommandError} if the two are of different versions, the new one is not empty, or the counts differ.
 */
export const moveDatabase = async (from: pg.Client, to: pg.Client, report: MoveReport): Promise<Moved> => {
  try {
    const tables = await freeze(from);
    await to.query(`begin; set local search_path = ''`);
    await compareVersions(from, to);
    const occupied = await findOccupied(to);
    if (occupied) throw new CommandError(`The new database is not empty: ${occupied} has rows.`);

    await makePartitions(from, to, tables);
    const finish = await prepare(to);
    await copyAll(from, to, tables, report);
    await setSequences(from, to);
    report.checking();
    for (const statement of finish) await to.query(statement);
    await to.query('select watchpost.index_many_people(), watchpost.index_many_strangers()');
    await compareCounts(to, tables);
    const head = await readHead(to);
    await to.query('select watchpost.note_server()');
    await to.query('commit');
    await from.query('commit');
    await to.query('analyze');
    const rows = tables.reduce((sum, table) => sum + table.rows, 0);
    return { tables: tables.filter((table) => table.rows > 0).length, rows, head };
  } catch (error) {
    for (const client of [to, from]) await client.query('rollback').catch(() => {});
    throw error;
  }
};

/** Locks every table against writers, and begins a transaction that sees one state. */
const freeze = async (from: pg.Client): Promise<StoredTable[]> => {
  const names = (await listTables(from)).map(({ name }) => name);
  // The snapshot is taken by the first query after the locks.
  // An error, rather than a part: who does not see all sites cannot move them.
  await from.query(
    `begin isolation level repeatable read; set local lock_timeout = '10s'; set local row_security = off`,
  );
  await from
    .query(`lock table ${names.join(', ')} in share mode`)
    .catch((error: Error & { code?: string }) => {
      if (error.code !== '55P03') throw error;
      throw new CommandError(
        'Somebody has written to the old database in a transaction that is still open: end it, and move again.',
        { cause: error },
      );
    });
  return countRows(from, await listTables(from));
};

const compareVersions = async (from: pg.Client, to: pg.Client): Promise<void> => {
  const applied = async (client: pg.Client) =>
    JSON.stringify(
      (await client.query('select name, sha256 from watchpost.migration order by name collate "C"')).rows,
    );
  if ((await applied(from)) !== (await applied(to)))
    throw new CommandError(
      'The old database is of a newer version of Watchpost than this program: move it with that version.',
    );
};

/** Makes the partitions of the old database in the new one, in place of those that a new database has. */
const makePartitions = async (
  from: pg.Client,
  to: pg.Client,
  tables: readonly StoredTable[],
): Promise<void> => {
  const made = await to.query<{ name: string }>(
    `select format('watchpost_history.%I', name) as name from watchpost.partition where not rest`,
  );
  for (const { name } of made.rows) await to.query(`drop table ${name}`);
  const wanted = await from.query(
    'select relation, from_at::text, until_at::text from watchpost.partition where not rest order by relation, from_key',
  );
  for (const { relation, from_at, until_at } of wanted.rows) {
    const { rows } = await to.query<{ trouble: string | null }>(
      'select watchpost.add_partition($1, $2, $3, 0) as trouble',
      [relation, from_at, until_at],
    );
    if (rows[0]?.trouble) throw new CommandError(`A partition could not be made: ${rows[0].trouble}.`);
  }
  // What retention has detached is still history.
  const there = new Set((await listTables(to)).map(({ name }) => name));
  for (const { name } of tables.filter((table) => !there.has(table.name))) {
    const [, relation] = /^watchpost_history\.(event|handling|search)_/.exec(name) ?? [];
    if (!relation)
      throw new CommandError(`The table ${name} is not one of Watchpost's: move it to another schema first.`);
    await to.query(`create table ${name} (like watchpost.${relation} including all excluding indexes)`);
  }
};

/** Empties the new database, and drops or disables what would act on the rows that come; returns how to undo that. */
const prepare = async (to: pg.Client): Promise<string[]> => {
  const keys = await to.query<{ drop: string; add: string }>(`
    select
      format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname) as drop,
      format('alter table %s add constraint %I %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) as add
    from pg_constraint as k
    join pg_namespace as n on n.oid = k.connamespace
    where k.contype = 'f' and k.conparentid = 0 and n.nspname in ${schemas}
  `);
  const triggered = await to.query<{ name: string }>(`
    select distinct t.tgrelid::regclass::text as name
    from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    join pg_namespace as n on n.oid = c.relnamespace
    where not t.tgisinternal and t.tgparentid = 0 and n.nspname in ${schemas}
  `);
  for (const { drop } of keys.rows) await to.query(drop);
  for (const { name } of triggered.rows) await to.query(`alter table ${name} disable trigger user`);
  await to.query(`truncate ${(await listTables(to)).map(({ name }) => name).join(', ')}`);
  return [
    ...triggered.rows.map(({ name }) => `alter table ${name} enable trigger user`),
    ...keys.rows.map(({ add }) => add),
  ];
};

const copyAll = async (
  from: pg.Client,
  to: pg.Client,
  tables: readonly StoredTable[],
  report: MoveReport,
): Promise<void> => {
  const all = tables.reduce((sum, { bytes }) => sum + bytes, 0);
  let before = 0;
  for (const table of tables) {
    await copyTable(from, to, table, (share) => report.copied(before + share * table.bytes, all));
    before += table.bytes;
  }
  report.copied(all, all);
};

const setSequences = async (from: pg.Client, to: pg.Client): Promise<void> => {
  const { rows } = await from.query<{ name: string; last: string }>(`
    select format('%I.%I', s.schemaname, s.sequencename) as name, s.last_value as last
    from pg_sequences as s
    where s.schemaname in ${schemas} and s.last_value is not null
  `);
  for (const { name, last } of rows) await to.query('select setval($1::text::regclass, $2)', [name, last]);
};

const compareCounts = async (to: pg.Client, tables: readonly StoredTable[]): Promise<void> => {
  const there = new Map((await countRows(to, await listTables(to))).map(({ name, rows }) => [name, rows]));
  const differ = tables.filter(({ name, rows }) => there.get(name) !== rows);
  if (differ.length === 0) return;
  const which = differ.map(({ name, rows }) => `${name} (${rows} in the old, ${there.get(name)} in the new)`);
  throw new CommandError(`The counts of rows differ, so nothing was moved: ${which.join(', ')}.`);
};

const readHead = async (client: pg.Client): Promise<string | undefined> => {
  const { rows } = await client.query<{ number: string; digest: string }>(
    'select number, digest from watchpost.audit_head',
  );
  return rows[0] && `${rows[0].number} ${rows[0].digest}`;
};
