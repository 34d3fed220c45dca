import { beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../src/database/migrate.ts';
import { findMissing } from '../../src/database/schema-objects.ts';
import { openLog } from '../../src/log.ts';
import { watchpost } from '../commands/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addModel } from '../support/fabricate.ts';

const log = openLog('silent');

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  await addModel(database, 'a-model', 4);
});

const doctor = () => watchpost(['doctor'], { DATABASE_URL: database.url });

/** One of each kind that a restore can leave out, as the statement that takes it away. */
const parts: Record<string, string> = {
  'view watchpost.last_seen': 'drop view watchpost.last_seen',
  'function watchpost.confirm(uuid, text)': 'drop function watchpost.confirm',
  'trigger event_fill_outbox on watchpost.event': 'drop trigger event_fill_outbox on watchpost.event',
  'policy watchpost on graphile_worker._private_jobs':
    'drop policy watchpost on graphile_worker._private_jobs',
  'right usage of watchpost for watchpost_reader': 'revoke usage on schema watchpost from watchpost_reader',
  'index event_subject of watchpost.event': 'drop index watchpost.event_subject',
  'key alert_match_pkey of watchpost.alert_match':
    'alter table watchpost.alert_match drop constraint alert_match_pkey',
  'constraint alert_one_an_episode of watchpost.alert':
    'alter table watchpost.alert drop constraint alert_one_an_episode',
  'reference alert_person_id_fkey of watchpost.alert':
    'alter table watchpost.alert drop constraint alert_person_id_fkey',
};

describe('of a database that was restored in part', () => {
  it('doctor names what is missing, and migrate makes it again', async () => {
    for (const takeAway of Object.values(parts)) await database.rows(takeAway);
    const missing = (await findMissing(database.pool)).map(({ kind, name }) => `${kind} ${name}`);
    expect(missing.toSorted()).toEqual(Object.keys(parts).toSorted());
    const found = await doctor();
    expect(found.code).toBe(1);
    expect(found.stdout).toContain(
      `FAIL  schema     missing: ${missing.slice(0, 5).join(', ')}, ${missing.length - 5} more\n`,
    );
    expect(found.stdout).toContain('→ Run "npm run watchpost -- migrate": it makes them again.');
    const made = await migrate(database.pool, log);
    expect(made).toEqual(
      expect.arrayContaining(missing.filter((name) => /^(key|index event|con|ref)/.test(name))),
    );
    expect(made).toContain('sql/7-rights/roles.sql');
    expect(await findMissing(database.pool)).toEqual([]);
    expect(await migrate(database.pool, log)).toEqual([]);
    expect((await doctor()).stdout).toContain('ok    schema     there\n');
  });

  it('migrate leaves the definitions as they were', async () => {
    const untouched = await freshDatabase();
    const all = 'select kind, name, definition from watchpost.schema_object order by kind, name';
    expect(await database.rows(all)).toEqual(await untouched.rows(all));
  });

  it('both name a table that is gone, and send nobody from one to the other', async () => {
    await database.rows('drop table watchpost.delivery, watchpost.alert_review cascade');
    const { stdout } = await doctor();
    expect(stdout).toContain(
      'FAIL  schema     tables are missing: watchpost.alert_review, watchpost.delivery\n',
    );
    expect(stdout).toContain('restore the whole dump into an empty database (docs/backup.md)');
    expect(stdout).not.toContain('migrate');
    const refused = await watchpost(['migrate'], { DATABASE_URL: database.url });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^A part of the database is missing.*: table watchpost\.alert_review, table watchpost\.delivery\.\nRestore the whole dump.*\n\(schema_incomplete\)\n$/,
    );
  });

  it('both refuse tables without the list of what was applied, and tables without rows', async () => {
    const other = await freshDatabase();
    await other.rows('delete from watchpost.migration');
    await expect(migrate(other.pool, log)).rejects.toMatchObject({ code: 'schema_incomplete' });
    await other.rows('drop table watchpost.migration');
    await expect(migrate(other.pool, log)).rejects.toMatchObject({ code: 'schema_incomplete' });
    const { stdout } = await watchpost(['doctor'], { DATABASE_URL: other.url });
    expect(stdout).toContain('FAIL  schema     tables are missing: watchpost.migration, or its rows\n');
  });
});

describe('a dump', () => {
  it('has no definition that needs a search_path', async () => {
    const dumped = await freshDatabase();
    const client = await dumped.pool.connect();
    const failed: string[] = [];
    // As pg_dump sets them.
    await client.query(`begin; set local search_path = ''; set local check_function_bodies = off`);
    const { rows: definitions } = await client.query<{ name: string; text: string }>(`
      with ours as (select oid from pg_namespace where nspname = 'watchpost')
      select p.oid::regprocedure::text as name, pg_get_functiondef(p.oid) as text
      from pg_proc as p
      where p.pronamespace in (select oid from ours)
      union all
      select
        t.tgname,
        -- A constraint trigger cannot be replaced.
        case when t.tgconstraint <> 0 then format('drop trigger %I on %s; ', t.tgname, t.tgrelid::regclass) else '' end ||
          replace(pg_get_triggerdef(t.oid), 'CREATE TRIGGER', 'create or replace trigger')
      from pg_trigger as t
      join pg_class as c on c.oid = t.tgrelid
      where c.relnamespace in (select oid from ours) and not t.tgisinternal
      union all
      select c.oid::regclass::text, format('create or replace view %s as %s', c.oid::regclass, pg_get_viewdef(c.oid))
      from pg_class as c
      where c.relnamespace in (select oid from ours) and c.relkind = 'v'
    `);
    for (const { name, text } of definitions) {
      await client.query('savepoint one');
      await client.query(text).catch((error) => failed.push(`${name}: ${error.message}`));
      await client.query('rollback to one');
    }
    await client.query('rollback');
    client.release();
    expect(definitions.length).toBeGreaterThan(250);
    expect(failed).toEqual([]);
  });
});
