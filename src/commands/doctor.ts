import { versions } from 'node:process';
import type pg from 'pg';
import type { Database } from '../database/pool.ts';
import { hideSecrets } from '../database-url.ts';
import { findVacuumHolders } from '../monitoring/vacuum-holders.ts';
import { checkSchema } from './check-schema.ts';
import { databaseChecks } from './doctor-checks.ts';
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
  await report(findings, 'ffmpeg', checkFfmpeg);
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

/** Not a failure: without it only videos cannot be read. */
const checkFfmpeg: Check = async () => {
  // Loaded here only: it brings what decodes pictures, which other commands do without.
  const { findFfmpeg } = await import('../sources/index.ts');
  const found = await findFfmpeg().catch((error: Error) => `none that can be used: ${error.message}`);
  return { well: true, found };
};

const checkModels = async (context: Context): Promise<Finding> => {
  const { models } = await openVision(context);
  return { well: true, found: models.map((model) => model.id).join(', ') };
};
