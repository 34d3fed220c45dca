import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { runMigrations } from 'graphile-worker';
import type pg from 'pg';
import type { Log } from '../log.ts';
import { graphileLogger } from './graphile-log.ts';
import { orNotOwner, requireRights } from './rights.ts';

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
 */
const dueSteps = (steps: Steps, applied: ReadonlyMap<string, string>): Step[] => {
  const known = new Set(steps.numbered.map((step) => step.name));
  const isNewer = [...applied.keys()].some((name) => name.startsWith('migrations/') && !known.has(name));
  if (isNewer) return steps.numbered.filter((step) => !applied.has(step.name));
  const due = [
    ...steps.numbered.filter((step) => !applied.has(step.name)),
    ...steps.replaceable.filter((step) => applied.get(step.name) !== step.sha256),
  ];
  const last = steps.replaceable.filter((step) => step.name === rights);
  return due.length > 0 ? [...due.filter((step) => step.name !== rights), ...last] : [];
};

const isUpToDate = async (pool: pg.Pool, steps: Steps): Promise<boolean> => {
  const { rows } = await pool.query<{ there: boolean }>(
    `select to_regclass('watchpost.migration') is not null as there`,
  );
  if (!rows[0]?.there) return false;
  const applied = await readApplied(pool);
  const edited = steps.numbered.some((step) => (applied.get(step.name) ?? step.sha256) !== step.sha256);
  return !edited && dueSteps(steps, applied).length === 0;
};

/**
 * Brings the database up to date: graphile-worker's schema, then the numbered files of migrations/ that it lacks,
 * then the files of sql/ that have changed. Everything after graphile-worker's schema is one transaction under an
 * advisory lock, so any number of processes may boot at once on an empty database, and a failure leaves nothing half
 * done. A database that is up to date is only read, so a user who may change nothing in the schema can start a worker.
 * A release that changes sql/ comes with a numbered file, by which the previous version recognises that the functions
 * are no longer its own.
 *
 * @returns the names of the files that were applied; empty if it was up to date.
 * @throws if a numbered file differs from what was applied under its name: migrations are never edited.
 *   {CommandError} if the database lacks something, or this user a right; then nothing was changed.
 */
export const migrate = async (pool: pg.Pool, log: Log): Promise<string[]> => {
  await requireRights(pool);
  return orNotOwner(pool, applyAll(pool, log));
};

const applyAll = async (pool: pg.Pool, log: Log): Promise<string[]> => {
  // graphile-worker copes with concurrent migration by itself, and cannot run inside our transaction.
  await runMigrations({ pgPool: pool, logger: graphileLogger(log), noHandleSignals: true });

  const steps = await readAllSteps();
  if (await isUpToDate(pool, steps)) return [];
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(patient(`select pg_advisory_xact_lock(hashtext('watchpost.migrate'))`));
    // The previous holder of the lock may have created the schema, and this connection may have cached that it was
    // missing. A lock on a table would invalidate that; an advisory lock does not.
    await client.query('select from pg_namespace limit 0');
    await client.query(`
      create schema if not exists watchpost;
      create table if not exists watchpost.migration (
        name       text primary key,
        sha256     text not null,
        applied_at timestamptz not null default now()
      );
      comment on schema watchpost is 'Face recognition watchlists: rows become events, events become work.';
      comment on table watchpost.migration is 'The SQL files that made this schema.';
    `);
    const applied = await readApplied(client);

    const edited = steps.numbered.find((step) => (applied.get(step.name) ?? step.sha256) !== step.sha256);
    if (edited) {
      throw new Error(
        `${edited.name} is not the file that was applied to this database. Migrations are never edited: put the change into a new one.`,
      );
    }

    const due = dueSteps(steps, applied);
    for (const step of due) {
      await client.query(patient(step.text));
      await client.query(
        `insert into watchpost.migration (name, sha256) values ($1, $2)
         on conflict (name) do update set sha256 = excluded.sha256, applied_at = now()`,
        [step.name, step.sha256],
      );
    }
    await client.query('commit');
    const names = due.map((step) => step.name);
    if (names.length > 0) log.info({ applied: names }, 'the database is up to date');
    return names;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  } finally {
    client.release();
  }
};
