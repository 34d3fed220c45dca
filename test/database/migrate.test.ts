import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { openLog } from '../../src/log.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { startNode } from '../support/processes.ts';

const log = openLog('silent');

describe('migrating', () => {
  let database: TestDatabase;
  let empty: TestDatabase;
  let files: string[];
  beforeAll(async () => {
    database = await freshDatabase();
    empty = await freshDatabase({ empty: true });
    files = (await database.rows('select name from watchpost.migration order by name')).map(
      (row) => row.name,
    );
  });

  it('makes one schema when 5 processes migrate an empty database 4 times each, all at once', async () => {
    const processes = Array.from({ length: 5 }, () =>
      startNode(['test/database/migrate-process.ts', empty.url, '4']),
    );
    const codes = await Promise.all(processes.map((process) => process.ended));
    expect(codes, processes.map((process) => process.output).join('\n')).toEqual([0, 0, 0, 0, 0]);

    const applied: string[][] = processes.flatMap((process) => JSON.parse(process.output));
    expect(applied).toHaveLength(20);
    expect(applied.filter((names) => names.length > 0).map((names) => names.toSorted())).toEqual([files]);
    expect(await schemaOf(empty)).toEqual(await schemaOf(database));
  });

  it('applies nothing the second time', async () => {
    expect(files).toContain('migrations/0001_base.sql');
    expect(files).toContain('sql/2-broker/outbox.sql');
    expect(await migrate(database.pool, log)).toEqual([]);
  });

  it('refuses a migration that was edited after it was applied, and leaves the database alone', async () => {
    const recorded = await database.rows('select name, sha256 from watchpost.migration');
    onTestFinished(async () => {
      for (const { name, sha256 } of recorded) {
        await database.rows('update watchpost.migration set sha256 = $2 where name = $1', [name, sha256]);
      }
    });
    await database.rows(
      `update watchpost.migration set sha256 = 'another' where name ~ '^migrations/0002|/image-status'`,
    );
    await expect(migrate(database.pool, log)).rejects.toThrow(
      /^migrations\/0002\S+ is not the file .* never edited/,
    );
    expect(
      await database.rows(
        `select sha256 from watchpost.migration where name = 'sql/6-record/image-status.sql'`,
      ),
    ).toEqual([{ sha256: 'another' }]);
  });

  it('applies a file of sql/ again when it has changed, and no other', async () => {
    await database.rows(`comment on view watchpost.last_seen is 'Of an older version.'`);
    await database.rows(
      `update watchpost.migration set sha256 = 'older' where name = 'sql/5-alerts/sightings.sql'`,
    );
    expect(await migrate(database.pool, log)).toEqual([
      'sql/5-alerts/sightings.sql',
      'sql/7-rights/roles.sql',
    ]);
    const [view] = await database.rows(`select obj_description('watchpost.last_seen'::regclass) as comment`);
    expect(view.comment).not.toBe('Of an older version.');
  });

  it('leaves a comment on every table, view and function', async () => {
    const silent = await database.rows(`
      select c.oid::regclass::text as name
      from pg_class as c
      where c.relnamespace = 'watchpost'::regnamespace and c.relkind in ('r', 'v', 'm')
        and obj_description(c.oid, 'pg_class') is null
      union all
      select p.oid::regprocedure::text
      from pg_proc as p
      where p.pronamespace = 'watchpost'::regnamespace and obj_description(p.oid, 'pg_proc') is null
    `);
    expect(silent).toEqual([]);
  });

  it.skipIf(!onServer)(`has committed types that fit the schema ${needsServer}`, async () => {
    const codegen = startNode([
      'node_modules/kysely-codegen/dist/cli/bin.js',
      '--verify',
      ...['--dialect', 'postgres', '--url', database.url, '--include-pattern', 'watchpost.*'],
      ...['--out-file', 'src/database/types.generated.ts'],
    ]);
    expect(await codegen.ended, codegen.output).toBe(0);
  });
});

/** Every column, index, constraint, trigger and function of both schemas, watchpost and graphile_worker, as text. */
const schemaOf = async (database: TestDatabase): Promise<string[]> => {
  const rows = await database.rows<{ line: string }>(`
    with ours as (
      select oid from pg_namespace where nspname in ('watchpost', 'graphile_worker')
    )
    select concat_ws(' ', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull) as line
    from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace in (select oid from ours)
    union all
    select pg_get_indexdef(i.indexrelid) from pg_index as i join pg_class as c on c.oid = i.indexrelid
    where c.relnamespace in (select oid from ours)
    union all
    select pg_get_constraintdef(k.oid) from pg_constraint as k where k.connamespace in (select oid from ours)
    union all
    select pg_get_triggerdef(t.oid) from pg_trigger as t join pg_class as c on c.oid = t.tgrelid
    where c.relnamespace in (select oid from ours) and not t.tgisinternal
    union all
    select pg_get_functiondef(p.oid) from pg_proc as p where p.pronamespace in (select oid from ours)
    order by line
  `);
  return rows.map((row) => row.line);
};
