import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { runMigrations } from 'graphile-worker';
import type pg from 'pg';
import type { Log } from '../log.ts';
import { graphileLogger } from './graphile-log.ts';

const root = new URL('../../', import.meta.url);

/** The replaceable part of the schema, in the order it is applied; see sql/. */
const replaceable = ['functions.sql', 'triggers.sql', 'views.sql'];

interface Step {
  readonly name: string;
  readonly text: string;
  readonly sha256: string;
}

const readStep = async (folder: string, file: string): Promise<Step> => {
  const text = await readFile(new URL(`${folder}/${file}`, root), 'utf8');
  return { name: `${folder}/${file}`, text, sha256: createHash('sha256').update(text).digest('hex') };
};

const readSteps = async () => {
  const files = (await readdir(new URL('migrations/', root))).filter((file) => file.endsWith('.sql')).sort();
  return {
    numbered: await Promise.all(files.map((file) => readStep('migrations', file))),
    replaceable: await Promise.all(replaceable.map((file) => readStep('sql', file))),
  };
};

/**
 * Brings the database up to date: graphile-worker's schema, then the numbered files of migrations/ that it lacks,
 * then the files of sql/ that have changed. All of ours is one transaction under an advisory lock, so any number of
 * processes may boot at once on an empty database, and a failure leaves nothing half done.
 *
 * @returns the names of the files that were applied; empty if it was up to date.
 * @throws if a numbered file differs from what was applied under its name: migrations are never edited.
 */
export const migrate = async (pool: pg.Pool, log: Log): Promise<string[]> => {
  // graphile-worker copes with concurrent migration by itself, and cannot run inside our transaction.
  await runMigrations({ pgPool: pool, logger: graphileLogger(log), noHandleSignals: true });

  const steps = await readSteps();
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`select pg_advisory_xact_lock(hashtext('watchpost.migrate'))`);
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
    const { rows } = await client.query<{ name: string; sha256: string }>(
      'select name, sha256 from watchpost.migration',
    );
    const applied = new Map(rows.map((row) => [row.name, row.sha256]));

    const edited = steps.numbered.find((step) => (applied.get(step.name) ?? step.sha256) !== step.sha256);
    if (edited) {
      throw new Error(
        `${edited.name} is not the file that was applied to this database. Migrations are never edited: put the change into a new one.`,
      );
    }

    const due = [
      ...steps.numbered.filter((step) => !applied.has(step.name)),
      ...steps.replaceable.filter((step) => applied.get(step.name) !== step.sha256),
    ];
    for (const step of due) {
      await client.query(step.text);
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
