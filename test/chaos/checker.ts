import type pg from 'pg';
import { type Check, checks, type Kind } from './checks.ts';
import type { Acknowledged, Sent } from './ledger.ts';

/** A promise that was not kept. */
export interface Finding {
  readonly kind: Kind;
  readonly name: string;
  readonly count: number;
  /** The first few. */
  readonly examples: readonly string[];
}

/** What the database is checked against. */
interface Promised {
  readonly sent: readonly Pick<Sent, 'key' | 'sha256' | 'faces'>[];
  readonly acknowledged: readonly Pick<Acknowledged, 'id' | 'key' | 'sha256'>[];
  /** Keys for which two ids were promised. */
  readonly contradictions?: readonly string[];
  /** What must hold in this run in addition to what always must. */
  readonly more?: readonly Check[];
  /** Lists of this run that those compare the database with, each a table of its name. */
  readonly lists?: readonly List[];
}

/** Rows of the harness for a temporary table. */
export interface List {
  readonly name: string;
  /** As in SQL: `key text, sha256 text`. */
  readonly columns: string;
  readonly rows: readonly object[];
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Waits until every photo is done or failed and nothing is under way.
 *
 * @returns the seconds it took; undefined if the time was up first. The checks then say what is left.
 */
export const untilSettled = async (pool: pg.Pool, withinMs: number): Promise<number | undefined> => {
  const begun = Date.now();
  while (Date.now() - begun < withinMs) {
    const { rows } = await pool.query<{ busy: boolean }>(
      `select
         exists (select from watchpost.outbox)
         or exists (select from watchpost.claim)
         or exists (select from graphile_worker.jobs)
         or exists (
           select from watchpost.event as e cross join unnest(e.tasks) as t (task)
           where not exists (
             select from watchpost.handling as h
             where h.event_id = e.id and h.task = t.task and h.outcome in ('done', 'gone', 'refused', 'failed')
           )
         ) as busy`,
    );
    if (rows[0]?.busy === false) return (Date.now() - begun) / 1000;
    await sleep(500);
  }
  return undefined;
};

/**
 * Checks the database against what was acknowledged. Changes nothing in it: its two lists are temporary tables.
 *
 * @returns what is wrong; empty when every promise was kept.
 */
export const check = async (pool: pg.Pool, promised: Promised): Promise<Finding[]> => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`set local statement_timeout = '120s'`);
    const lists = [
      { name: 'sent', columns: 'key text, sha256 text, faces integer', rows: promised.sent },
      { name: 'acknowledged', columns: 'id uuid, key text, sha256 text', rows: promised.acknowledged },
      ...(promised.lists ?? []),
    ];
    for (const list of lists) await makeTable(client, list);
    const findings: Finding[] = [];
    for (const one of [...checks, ...(promised.more ?? [])])
      findings.push(...found(one, (await client.query<{ what: string }>(one.text)).rows));
    findings.push(
      ...found(
        contradiction,
        (promised.contradictions ?? []).map((what) => ({ what })),
      ),
    );
    findings.push(...found(seal, await verifySeals(client)));
    return findings;
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
};

const contradiction: Check = { kind: 'duplicated', name: 'one id for each submission', text: '' };
const seal: Check = { kind: 'wrong', name: 'the seals of the events verify', text: '' };

const makeTable = async (client: pg.PoolClient, { name, columns, rows }: List): Promise<void> => {
  await client.query(
    `create temporary table ${name} on commit drop as
     select * from json_to_recordset(${quoted(rows)}::json) as r (${columns})`,
  );
  await client.query(`analyze ${name}`);
};

/** JSON as a literal: CREATE TABLE AS takes no parameters. */
const quoted = (rows: readonly object[]): string => `'${JSON.stringify(rows).replaceAll("'", "''")}'`;

const found = ({ kind, name }: Check, rows: readonly { what: string }[]): Finding[] =>
  rows.length === 0
    ? []
    : [{ kind, name, count: rows.length, examples: rows.slice(0, 5).map(({ what }) => what) }];

/** Rows of verify_audit() name what was altered; a database without seals has none. */
const verifySeals = async (client: pg.PoolClient): Promise<{ what: string }[]> => {
  const { rows } = await client.query(`select to_regproc('watchpost.verify_audit') is not null as there`);
  if (!rows[0].there) return [];
  const verified = await client.query<{ what: string }>(
    'select v::text as what from watchpost.verify_audit() as v',
  );
  return verified.rows;
};

/** How many findings of a kind, by rows. */
export const countOf = (findings: readonly Finding[], kind: Kind): number =>
  findings.filter((finding) => finding.kind === kind).reduce((sum, finding) => sum + finding.count, 0);
