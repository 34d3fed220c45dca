import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { runMigrations } from 'graphile-worker';
import type pg from 'pg';
import { WatchpostError } from '../errors.ts';
import type { Log } from '../log.ts';
import { graphileLogger } from './graphile-log.ts';
import { findMissing, recordObjects, type SchemaObject } from './schema-objects.ts';

const root = new URL('../../', import.meta.url);

/** Applied whenever another file of sql/ was, because it grants rights on what that file has created. */
const rights = 'sql/7-rights/roles.sql';

/** A statement without a time limit: a pool's connections are cut when they give no answer for 30 s. */
const patient = (text: string) => ({ text, query_timeout: 2 ** 31 - 1 });

interface Step {
  readonly name: string;
  readonly text: string;
  readonly sha256: string;
}

const readSteps = async (folder: string): Promise<Step[]> => {
  const entries = await readdir(new URL(`${folder}/`, root), { recursive: true });
  const names = entries
    .filter((name) => name.endsWith('.sql'))
    .map((name) => `${folder}/${name}`)
    .sort();
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, root), 'utf8');
      return { name, text, sha256: createHash('sha256').update(text).digest('hex') };
    }),
  );
};

/** The files of migrations/ and of sql/, each in the order of their names. sql/examples is for people to read and run. */
const readAllSteps = async () => {
  const replaceable = (await readSteps('sql')).filter((step) => !step.name.startsWith('sql/examples/'));
  return { numbered: await readSteps('migrations'), replaceable };
};

type Steps = Awaited<ReturnType<typeof readAllSteps>>;

/** SHA-256 of each file that was applied, by name. */
const readApplied = async (client: pg.Pool | pg.PoolClient): Promise<Map<string, string>> => {
  const { rows } = await client.query<{ name: string; sha256: string }>(
    'select name, sha256 from watchpost.migration',
  );
  return new Map(rows.map((row) => [row.name, row.sha256]));
};

/**
 * What this version has to apply. During an upgrade a process of the previous version may start after one of the new
 * version. It leaves the functions as they are; else each start of either version would undo what the other did.
 *
 * @param again whether to apply all of sql/, because something that it had made is gone.
 */
const dueSteps = (steps: Steps, applied: ReadonlyMap<string, string>, again: boolean): Step[] => {
  const known = new Set(steps.numbered.map((step) => step.name));
  const isNewer = [...applied.keys()].some((name) => name.startsWith('migrations/') && !known.has(name));
  if (isNewer) return steps.numbered.filter((step) => !applied.has(step.name));
  const due = [
    ...steps.numbered.filter((step) => !applied.has(step.name)),
    ...steps.replaceable.filter((step) => again || applied.get(step.name) !== step.sha256),
  ];
  const last = steps.replaceable.filter((step) => step.name === rights);
  return due.length > 0 ? [...due.filter((step) => step.name !== rights), ...last] : [];
};

/** How the schema of a database differs from that of this version. */
interface SchemaState {
  /** Whether there is nothing of it. */
  readonly absent: boolean;
  /** Files that have to be applied. */
  readonly due: readonly Step[];
  /** The numbered file that is not the one that was applied. */
  readonly edited: Step | undefined;
  /** What was there after the last migration and is not any more. */
  readonly missing: readonly SchemaObject[];
}

const inspect = async (client: pg.Pool | pg.PoolClient, steps: Steps): Promise<SchemaState> => {
  const { rows } = await client.query<{ recorded: boolean; listed: boolean; begun: boolean }>(`
    select
      to_regclass('watchpost.migration') is not null as recorded,
      to_regclass('watchpost.schema_object') is not null as listed,
      exists (
        select
        from pg_class as c
        join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = 'watchpost' and c.relkind in ('r', 'p') and c.relname not in ('migration', 'schema_object')
      ) as begun
  `);
  const { recorded = false, listed = false, begun = false } = rows[0] ?? {};
  const applied: ReadonlyMap<string, string> = recorded ? await readApplied(client) : new Map();
  const table = (name: string): SchemaObject => ({ kind: 'table', name, definition: null });
  const missing =
    begun && applied.size === 0
      ? [table('watchpost.migration, or its rows')]
      : begun && !listed
        ? [table('watchpost.schema_object')]
        : listed
          ? await findMissing(client)
          : [];
  return {
    absent: !begun && applied.size === 0,
    due: dueSteps(steps, applied, missing.length > 0),
    edited: steps.numbered.find((step) => (applied.get(step.name) ?? step.sha256) !== step.sha256),
    missing,
  };
};

/** How the schema of a database differs from that of this version, for reports. */
export const inspectSchema = async (pool: pg.Pool): Promise<SchemaState> =>
  inspect(pool, await readAllSteps());

/** What a migration cannot make again: tables, whose rows only a dump has. */
export const isLost = ({ kind }: SchemaObject): boolean => kind === 'table';

const incomplete = (missing: readonly SchemaObject[], because = ''): WatchpostError =>
  new WatchpostError(
    'schema_incomplete',
    `A part of the database is missing, as after a dump that was restored in part: ${missing.map(({ kind, name }) => `${kind} ${name}`).join(', ')}.${because}`,
    { hint: 'Restore the whole dump into an empty database: docs/backup.md.' },
  );

/** Makes keys, indexes and constraints again, which are in no file that could be applied twice. */
const makeAgain = async (client: pg.PoolClient, missing: readonly SchemaObject[]): Promise<string[]> => {
  const names: string[] = [];
  for (const object of missing.filter(({ definition }) => definition !== null)) {
    await client.query(patient(object.definition as string)).catch((error: Error) => {
      throw incomplete([object], ` It could not be made again: ${error.message}.`);
    });
    names.push(`${object.kind} ${object.name}`);
  }
  return names;
};

/**
 * Brings the database up to date: graphile-worker's schema, then the numbered files of migrations/ that it lacks,
 * then the files of sql/ that have changed. What is not there any more after a restore in part is made again: functions,
 * triggers, views and rights by all files of sql/, keys, indexes and constraints from their definitions.
 *
 * Everything after graphile-worker's schema is one transaction under an advisory lock, so any number of processes may boot
 * at once on an empty database, and a failure leaves nothing half done. A database that is up to date is only read, so a
 * user who may change nothing in the schema can start a worker. A release that changes sql/ comes with a numbered file, by
 * which the previous version recognises that the functions are no longer its own.
 *
 * @returns the names of the files that were applied, and of what was made again; empty if it was up to date.
 * @throws if a numbered file differs from what was applied under its name: migrations are never edited.
 * @throws {WatchpostError} schema_incomplete if tables are missing.
 */
export const migrate = async (pool: pg.Pool, log: Log): Promise<string[]> => {
  // graphile-worker copes with concurrent migration by itself, and cannot run inside our transaction.
  await runMigrations({ pgPool: pool, logger: graphileLogger(log), noHandleSignals: true });

  const steps = await readAllSteps();
  const { due, edited, missing } = await inspect(pool, steps);
  const names = due.length > 0 || edited || missing.length > 0 ? await apply(pool, steps) : [];
  if (names.length > 0) log.info({ applied: names }, 'the database is up to date');
  await noteServer(pool, log);
  return names;
};

const apply = async (pool: pg.Pool, steps: Steps): Promise<string[]> => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(patient(`select pg_advisory_xact_lock(hashtext('watchpost.migrate'))`));
    // The previous holder of the lock may have created the schema, and this connection may have cached that it was
    // missing. A lock on a table would invalidate that; an advisory lock does not.
    await client.query('select from pg_namespace limit 0');
    const { due, edited, missing } = await inspect(client, steps);
    if (edited) {
      throw new Error(
        `${edited.name} is not the file that was applied to this database. Migrations are never edited: put the change into a new one.`,
      );
    }
    const lost = missing.filter(isLost);
    if (lost.length > 0) throw incomplete(lost);

    await client.query(`
      create schema if not exists watchpost;
      create table if not exists watchpost.migration (
        name       text primary key,
        sha256     text not null,
        applied_at timestamptz not null default now()
      );
      create table if not exists watchpost.schema_object (
        kind       text not null,
        name       text not null,
        definition text,
        primary key (kind, name)
      );
      comment on schema watchpost is 'Face recognition watchlists: rows become events, events become work.';
      comment on table watchpost.migration is 'The SQL files that made this schema.';
      comment on table watchpost.schema_object is 'What they made, by which a database that was restored in part is recognised.';
    `);
    const names = await makeAgain(client, missing);
    for (const step of due) {
      await client.query(patient(step.text));
      await client.query(
        `insert into watchpost.migration (name, sha256) values ($1, $2)
         on conflict (name) do update set sha256 = excluded.sha256, applied_at = now()`,
        [step.name, step.sha256],
      );
      names.push(step.name);
    }
    if (missing.length > 0 && names.length > 0)
      await client.query(patient('select watchpost.index_people()'));
    if (names.length > 0) await finish(client, missing);
    await client.query('commit');
    return names;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
};

/** Writes down what there is now, unless something is missing still. Rights may be: not every owner can create roles. */
const finish = async (client: pg.PoolClient, before: readonly SchemaObject[]): Promise<void> => {
  if (before.length > 0) {
    const names = new Set(before.map(({ kind, name }) => `${kind} ${name}`));
    const still = await findMissing(client);
    const left = still.filter(({ kind, name }) => kind !== 'right' && names.has(`${kind} ${name}`));
    if (left.length > 0) throw incomplete(left);
  }
  await recordObjects(client);
};

/**
 * Continues the record of a database that was restored from a dump, copied or moved, before anything is written there. A
 * database that no worker has seen yet is left to the first one.
 */
const noteServer = async (pool: pg.Pool, log: Log): Promise<void> => {
  const note = patient(
    'select watchpost.note_server() as restored where exists (select from watchpost.server_timeline)',
  );
  const { rows } = await pool.query<{ restored: boolean }>(note).catch((error: Error & { code?: string }) => {
    // Somebody reads or writes the record just now: upkeep does it.
    if (error.code === '55P03') return { rows: [] };
    throw error;
  });
  if (rows[0]?.restored) {
    log.warn(
      'this database was restored from a dump, copied or moved: its record continues, and a seal says so',
    );
  }
};
