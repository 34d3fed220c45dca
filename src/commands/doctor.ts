import type pg from 'pg';
import { type Config, visionOptions } from '../config.ts';
import { withoutPassword } from '../database/pool.ts';
import type { Log } from '../log.ts';
import { loadVision } from '../vision/index.ts';
import { connect } from './connect.ts';
import type { Stopper } from './stop.ts';
import { findVacuumHolders } from './vacuum-holders.ts';

/** What a check found: a sentence, and what to do if it is not well. */
interface Finding {
  readonly well: boolean;
  readonly found: string;
  readonly remedy?: string;
}

type Check = () => Promise<Finding>;

/**
 * `watchpost doctor`: checks Node, the models and the database, one line each.
 *
 * @returns whether all is well.
 */
export const doctor = async (config: Config, log: Log, stopper: Stopper): Promise<boolean> => {
  let all = true;
  const report = async (name: string, check: Check): Promise<boolean> => {
    const { well, found, remedy } = await check().catch((error: Error) => ({
      well: false,
      found: error.message,
      remedy: undefined,
    }));
    process.stdout.write(`${well ? 'ok  ' : 'FAIL'}  ${name.padEnd(10)} ${found}\n`);
    if (!well && remedy) process.stdout.write(`      ${''.padEnd(10)} → ${remedy}\n`);
    all &&= well;
    return well;
  };

  await report('node', checkNode);
  await report('models', () => checkModels(config));
  const reached = await report('database', async () => {
    const database = await connect(config, log, stopper, { max: 2 });
    const { rows } = await database.pool.query<{ version: string }>(
      `select current_setting('server_version') as version`,
    );
    return { well: true, found: `PostgreSQL ${rows[0]?.version} at ${withoutPassword(database.url)}` };
  });
  if (!reached) return false;

  const { pool } = await connect(config, log, stopper, { max: 2 });
  for (const { name, sql, remedy } of databaseChecks) {
    const well = await report(name, async () => {
      const { rows } = await pool.query<{ well: boolean; found: string }>(sql);
      const [row] = rows;
      return { well: row?.well ?? false, found: row?.found ?? 'nothing', remedy };
    });
    if (!well && name === 'schema') return false;
  }
  await report('vacuum', async () => {
    const [holder, ...others] = await findVacuumHolders(pool);
    if (!holder) return { well: true, found: 'held back by nobody' };
    const more = others.map(({ found }) => `; ${found}`).join('');
    return { well: false, found: `held back: ${holder.found}${more}`, remedy: holder.remedy };
  });
  return (await reportInvariants(pool)) && all;
};

/** One line for each thing that does not hold, with what to do about it. */
const reportInvariants = async (pool: pg.Pool): Promise<boolean> => {
  const { rows } = await pool.query<{ rule: string; subject: string; finding: string; remedy: string }>(
    'select rule, subject, finding, remedy from watchpost.invariant limit 100',
  );
  if (rows.length === 0) process.stdout.write(`ok    ${'invariants'.padEnd(10)} all hold\n`);
  for (const { rule, subject, finding, remedy } of rows) {
    process.stdout.write(`FAIL  ${rule} ${subject}: ${finding}\n      ${''.padEnd(10)} → ${remedy}\n`);
  }
  return rows.length === 0;
};

const checkNode: Check = async () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return {
    well: major > 22 || (major === 22 && minor >= 18),
    found: process.versions.node,
    remedy: 'Install Node 22.18 or newer; on Linux npm brings Node 24 along with "npm install".',
  };
};

const checkModels = async (config: Config): Promise<Finding> => {
  const vision = await loadVision(visionOptions(config));
  const found = vision.models.map((model) => model.id).join(', ');
  await vision.close();
  return { well: true, found };
};

/** Each asks for one row: whether it is well, and what was found. */
const databaseChecks = [
  {
    name: 'pgvector',
    sql: `select extversion is not null as well, coalesce(extversion, 'not installed') as found
          from (select max(extversion) as extversion from pg_extension where extname = 'vector') as e`,
    remedy: 'Install pgvector 0.8 or newer on the database server, then run "npm run watchpost -- migrate".',
  },
  {
    name: 'schema',
    sql: `select to_regclass('watchpost.event') is not null as well,
                 case when to_regclass('watchpost.event') is null then 'not there' else 'there' end as found`,
    remedy: 'Run "npm run watchpost -- migrate".',
  },
  {
    // Without huge pages a session maps what it reads page by page: the first search of a million past faces took 2.6 to
    // 5.4 s, and with them 0.5. Small databases need none.
    name: 'memory',
    sql: `select true as well,
                 setting || ' shared'
                 || case
                   when status = 'on' then ', huge pages'
                   when status = 'off' and bytes >= 1024 ^ 3 then
                     '; set vm.nr_hugepages to ' || pages || ' on its machine, and searches of the past need not map it page by page'
                   else ''
                 end as found
          from (
            select
              current_setting('shared_buffers') as setting,
              pg_size_bytes(current_setting('shared_buffers')) as bytes,
              current_setting('huge_pages_status', true) as status,
              current_setting('shared_memory_size_in_huge_pages', true) as pages
          ) as m`,
    remedy: '',
  },
  {
    name: 'workers',
    sql: `select count(*) > 0 as well, count(*) || ' alive' as found
          from watchpost.worker
          where concurrency > 0 and stopped_at is null and last_seen > clock_timestamp() - interval '30 seconds'`,
    remedy: 'Start one: "npm run worker".',
  },
  {
    name: 'letters',
    sql: `select true as well, count(*) || ' dead letters' || coalesce(' (' || string_agg(distinct code, ', ') || ')', '') as found
          from watchpost.dead_letter`,
    remedy: '',
  },
  {
    name: 'paused',
    sql: `select count(*) = 0 as well, coalesce(string_agg(task, ', '), 'no task') as found from watchpost.task_pause`,
    remedy: 'Run "npm run watchpost -- resume TASK" when it may go on.',
  },
  {
    name: 'describe',
    sql: `select true as well, case when count(*) > 0 then 'on: age and gender are estimated' else 'off' end as found
          from watchpost.subscription where task = 'describe' and enabled`,
    remedy: '',
  },
] as const;
