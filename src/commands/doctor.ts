import { versions } from 'node:process';
import type pg from 'pg';
import type { Database } from '../database/pool.ts';
import { hideSecrets } from '../database-url.ts';
import { findVacuumHolders } from '../monitoring/vacuum-holders.ts';
import { checkSchema } from './check-schema.ts';
import { connect } from './program/connect.ts';
import { type Io, print, printJson } from './program/io.ts';
import { openVision } from './program/open-vision.ts';
import type { AddCommand, Context } from './program/session.ts';

/** What a check found: a sentence, and what to do if it is not well. */
interface Finding {
  readonly well: boolean;
  readonly found: string;
  readonly remedy?: string;
}

type Check = () => Promise<Finding>;

/** A finding as --json prints it. */
interface Reported extends Finding {
  /** Of the check; of a violated invariant `invariants`, with its rule and the row. */
  readonly check: string;
  readonly rule?: string;
  readonly subject?: string;
}

/** Prints each finding as it comes, or collects them for --json. */
class Findings {
  readonly all: Reported[] = [];
  readonly #io: Io | undefined;

  /** @param io where each is printed; undefined: nowhere. */
  constructor(io: Io | undefined) {
    this.#io = io;
  }

  add(one: Reported): void {
    this.all.push(one);
    if (!this.#io) return;
    const { check, rule, subject, well, found, remedy } = one;
    const what = rule === undefined ? `${check.padEnd(10)} ${found}` : `${rule} ${subject}: ${found}`;
    print(this.#io, `${well ? 'ok  ' : 'FAIL'}  ${what}`);
    if (!well && remedy) print(this.#io, `      ${''.padEnd(10)} → ${remedy}`);
  }
}

/** doctor: Node, the models and the database, one line each. */
export const doctorCommand: AddCommand = (program, session) =>
  program
    .command('doctor')
    .description('Check the installation and say what to do about what is wrong')
    .option('--json', 'print one JSON object')
    .option('--full', 'check the invariants of all rows, and not only of what the last day has brought')
    .action(session.action(checkAll));

const checkAll = async (
  context: Context,
  { full = false, json = false }: { full?: boolean; json?: boolean },
): Promise<boolean> => {
  const findings = new Findings(json ? undefined : context.io);
  const well = await checkInto(findings, context, full);
  if (json) printJson(context.io, { well, findings: findings.all });
  return well;
};

const checkInto = async (findings: Findings, context: Context, full: boolean): Promise<boolean> => {
  const node = await report(findings, 'node', checkNode);
  const models = await report(findings, 'models', () => checkModels(context));
  let opened: Database | undefined;
  const reached = await report(findings, 'database', async () => {
    const database = await connect(context, { max: 2 });
    opened = database;
    const { rows } = await database.pool.query<{ version: string }>(
      `select current_setting('server_version') as version`,
    );
    return { well: true, found: `PostgreSQL ${rows[0]?.version} at ${hideSecrets(database.url)}` };
  });
  return reached && opened !== undefined && (await checkDatabase(findings, opened, full)) && node && models;
};

/** Adds what a check has found, and returns whether it is well. */
const report = async (findings: Findings, name: string, check: Check): Promise<boolean> => {
  const { well, found, remedy } = await check().catch((error: Error) => ({
    well: false,
    found: error.message,
    remedy: undefined,
  }));
  findings.add({ check: name, well, found, ...(!well && remedy ? { remedy } : {}) });
  return well;
};

const checkDatabase = async (findings: Findings, { pool, db }: Database, full: boolean): Promise<boolean> => {
  let all = await report(findings, 'schema', () => checkSchema(pool));
  if (!all) return false;
  for (const { name, sql, remedy } of databaseChecks) {
    const well = await report(findings, name, async () => {
      const { rows } = await pool.query<{ well: boolean; found: string }>(sql);
      const [row] = rows;
      return { well: row?.well ?? false, found: row?.found ?? 'nothing', remedy };
    });
    all &&= well;
  }
  all = (await report(findings, 'vacuum', () => checkVacuum(db))) && all;
  return (await checkInvariants(findings, pool, full)) && all;
};

/** Whether something keeps vacuum from removing deleted rows. */
const checkVacuum = async (db: Database['db']): Promise<Finding> => {
  const [holder, ...others] = await findVacuumHolders(db);
  if (!holder) return { well: true, found: 'not held back' };
  const more = others.map(({ found }) => `; ${found}`).join('');
  return { well: false, found: `held back: ${holder.found}${more}`, remedy: holder.remedy };
};

/** One line for each violation of an invariant, with what to do about it. */
const checkInvariants = async (findings: Findings, pool: pg.Pool, full: boolean): Promise<boolean> => {
  const { rows } = await pool.query<{ rule: string; subject: string; finding: string; remedy: string }>(
    `select rule, subject, finding, remedy
     from ${full ? 'watchpost.find_violations()' : 'watchpost.invariant'}
     limit 100`,
  );
  const extent = full ? 'all rows' : 'the last day and what waits; --full checks all rows';
  if (rows.length === 0) findings.add({ check: 'invariants', well: true, found: `all hold, of ${extent}` });
  for (const { rule, subject, finding, remedy } of rows) {
    findings.add({ check: 'invariants', rule, subject, well: false, found: finding, remedy });
  }
  return rows.length === 0;
};

const checkNode: Check = async () => {
  const [major = 0, minor = 0] = versions.node.split('.').map(Number);
  return {
    well: major > 22 || (major === 22 && minor >= 18),
    found: versions.node,
    remedy: 'Install Node 22.18 or newer; on Linux "npm install" installs Node 24 for npm scripts.',
  };
};

const checkModels = async (context: Context): Promise<Finding> => {
  const { models } = await openVision(context);
  return { well: true, found: models.map((model) => model.id).join(', ') };
};

/** Each statement returns one row: whether it is well, and what was found. */
const databaseChecks = [
  {
    name: 'pgvector',
    sql: `select coalesce(string_to_array(extversion, '.')::integer[] >= '{0,8}', false) as well,
                 coalesce(extversion, 'not installed') as found
          from (select max(extversion) as extversion from pg_extension where extname = 'vector') as e`,
    remedy: 'Run "npm run watchpost -- migrate", which says what it needs: pgvector 0.8 or newer.',
  },
  {
    // Without huge pages each session maps what it reads page by page: a first search of a million past faces takes 2.6 s
    // or more, and 0.5 s with them. Small databases need none.
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
    // No failure: to migrate takes the owner. The embedded database has one user.
    name: 'rights',
    sql: `select true as well,
                 session_user || case
                   when (select rolsuper from pg_roles where rolname = session_user)
                     then ' is a superuser: more than workers and the API need, which is watchpost_work'
                   when pg_has_role(session_user, (select relowner from pg_class where oid = 'watchpost.event'::regclass), 'usage')
                     then ' owns the tables: more than workers and the API need, which is watchpost_work'
                   when watchpost.is_in(session_user, 'watchpost_work') then ' has the rights of watchpost_work'
                   else ' reads'
                 end as found`,
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
    name: 'upkeep',
    sql: `select count(*) = 0 as well, coalesce(string_agg(task || ': ' || last_error, '; '), 'no task fails') as found
          from watchpost.upkeep_task where last_error is not null`,
    remedy: 'Workers try again at each interval; if it stays, the sentence says what is in the way.',
  },
  {
    name: 'letters',
    sql: `select true as well, count(*) || ' dead letters' || coalesce(' (' || string_agg(distinct code, ', ') || ')', '') as found
          from watchpost.dead_letter`,
    remedy: '',
  },
  {
    name: 'paused',
    // Somebody wants it so; what waits meanwhile violates no invariant.
    sql: `select true as well,
                 coalesce(
                   string_agg(
                     task || ' since ' || to_char(paused_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC by ' || paused_by,
                     '; ' order by task
                   ) || ' ("npm run watchpost -- resume TASK" ends it)',
                   'no task'
                 ) as found
          from watchpost.task_pause`,
    remedy: '',
  },
  {
    // describe is off unless somebody switches it on.
    name: 'off',
    sql: `select true as well,
                 coalesce(
                   string_agg(
                     s.task || ' is given no ' || s.topic
                     || coalesce(' since ' || to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC by ' || e.by, ''),
                     '; ' order by s.task, s.topic
                   ),
                   'no task'
                 ) as found
          from watchpost.subscription as s
          left join lateral (
            select e.created_at, e.payload ->> 'by' as by
            from watchpost.event as e
            where e.subject_id = md5(s.topic || ' ' || s.task)::uuid and e.topic = 'subscription.changed'
            order by e.id desc
            limit 1
          ) as e on true
          where not s.enabled and s.task <> 'describe'`,
    remedy: '',
  },
  {
    name: 'retention',
    sql: `select true as well,
                 'photos ' || watchpost.in_words(i.age) || case i.action when 'keep' then ' (off)' else '' end
                 || ', faces that match nobody ' || watchpost.in_words(f.age) || case f.action when 'keep' then ' (off)' else '' end
                 || ', strangers ' || watchpost.in_words(watchpost.stranger_age())
                 || (select case when count(*) > 0 then '; ' || count(*) || ' rules of single cameras' else '' end
                     from watchpost.retention where camera_id is not null)
                 || (select case when count(*) > 0 then '; ' || count(*) || ' people to be reviewed' else '' end
                     from watchpost.due where relation = 'person' and action = 'review' and due_at <= now())
                 || (select case when count(*) > 0 then '; ' || count(*) || ' people are deleted within 30 days' else '' end
                     from watchpost.due where relation = 'person' and action = 'delete' and due_at <= now() + interval '30 days')
                 as found
          from watchpost.rule_of('image') as i, watchpost.rule_of('face') as f`,
    remedy: '',
  },
  {
    // Not a failure: an installation that tries things out works without.
    name: 'basis',
    sql: `select true as well,
                 case
                   when d.legal_basis = 'unspecified' or d.purpose = 'unspecified' or p.n > 0 or w.n > 0 then
                     p.n || ' people without a legal basis, ' || w.n || ' lists without a purpose'
                     || case when 'unspecified' in (d.legal_basis, d.purpose) then
                       '; set the default: "npm run watchpost -- retention default --legal-basis WORD --purpose WORDS"' else '' end
                   else 'everybody has a legal basis, and every list a purpose'
                 end as found
          from watchpost.processing_default as d,
            (select count(*) as n from watchpost.person where legal_basis = 'unspecified' and merged_into is null) as p,
            (select count(*) as n from watchpost.watchlist where purpose = 'unspecified') as w`,
    remedy: '',
  },
  {
    name: 'describe',
    sql: `select true as well, case when count(*) > 0 then 'on: age and gender are estimated' else 'off' end as found
          from watchpost.subscription where task = 'describe' and enabled`,
    remedy: '',
  },
] as const;
