import { beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../src/database/pool.ts';
import { verifyRecord, verifyTables } from '../../src/database/verify.ts';
import { raiseAlert } from '../support/alerts.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sealAll, submitMany, tamper } from '../support/record.ts';

describe('the tables that the record speaks of', () => {
  let database: TestDatabase;
  let alerts: Awaited<ReturnType<typeof raiseAlert>>[];

  beforeAll(async () => {
    database = await freshDatabase();
    await submitMany(database, 20);
    alerts = [];
    for (let n = 0; n < 4; n++) {
      const seen = [0, 5].map((minutes) => new Date(Date.now() - minutes * 60_000).toISOString());
      alerts.push(await raiseAlert(database, { seen }));
    }
    await database.rows('select watchpost.confirm($1)', [alerts[0]!.alertId]);
    await database.rows(`select watchpost.add_endpoint('guards', 'https://guards.example/')`);
    await database.rows(`select watchpost.record_access('export')`);
    await database.rows(`insert into watchpost.site (name) values ('north')`);
    await database.rows(`select watchpost.provide_data_key(watchpost.find_site('north'), 'wrapped', $1)`, [
      'a'.repeat(16),
    ]);
    await database.rows(
      `insert into watchpost.api_key (name, sha256, scopes) values ('guards', sha256('guards'), '{read}')`,
    );
  });

  /** What is found, as [what, relation, id]. */
  const found = async (full = true, on: Database = database) =>
    (await verifyTables(on, { full, most: 1000 })).map(({ what, relation, row_id }) => [
      what,
      relation,
      row_id,
    ]);
  const idsOf = async (table: string, condition = 'true') =>
    (await database.rows(`select id from watchpost.${table} where ${condition} order by id`)).map(
      ({ id }) => id,
    );
  /** What is found after these statements with the triggers off, which are then taken back. */
  const foundAfter = async (full: boolean, ...statements: string[]) => {
    const client = await connectClient(database);
    await client.query('begin');
    await client.query('set local session_replication_role = replica');
    for (const statement of statements) await client.query(statement);
    const differences = await found(full, { pool: client } as unknown as Database);
    await client.query('rollback');
    await client.end();
    return differences;
  };

  it('hold what it says, in SQL too', async () => {
    expect(await found()).toEqual([]);
    expect(await found(false)).toEqual([]);
    expect(await database.rows('select * from watchpost.verify_tables()')).toEqual([]);
  });

  it('are found out if all people, alerts and photos are deleted by hand', async () => {
    const [people, images, raised] = [await idsOf('person'), await idsOf('image'), await idsOf('alert')];
    expect([people.length, images.length, raised.length]).toEqual([4, 28, 4]);
    const differences = await foundAfter(
      false,
      'delete from watchpost.person',
      'delete from watchpost.alert',
      'delete from watchpost.image',
    );
    expect(new Set(differences.map(String))).toEqual(
      new Set([
        ...people.map((id) => `row_deleted,person,${id}`),
        ...raised.map((id) => `row_deleted,alert,${id}`),
        ...images.map((id) => `row_deleted,image,${id}`),
      ]),
    );
  });

  it.each([
    'person',
    'image',
    'alert',
    'match',
    'alert_review',
    'watchlist',
    'camera',
    'endpoint',
    'api_key',
    'data_key',
    'face',
    'embedding',
    'access',
  ])('are found out if one row of %s is deleted by hand', async (table) => {
    const [id] = await idsOf(table);
    expect(await foundAfter(true, `delete from watchpost.${table} where id = '${id}'`)).toContainEqual([
      'row_deleted',
      table,
      id,
    ]);
  });

  it.each([
    ['person', '(id, name) select ID, name from watchpost.person limit 1'],
    ['watchlist', `(id, name, threshold) values (ID, 'forged', 0.5)`],
    ['api_key', `(id, name, sha256, scopes) values (ID, 'forged', sha256('forged'), '{read}')`],
    ['camera', `(id, name, location) values (ID, 'forged', 'nowhere')`],
    ['endpoint', `(id, name, url) values (ID, 'forged', 'https://forged.example/')`],
    ['image', `(id, bytes, byte_length, sha256) values (ID, 'x', 1, sha256('x'))`],
    [
      'alert_review',
      `(id, alert_id, decision, reviewer) select ID, id, 'confirmed', 'nobody' from watchpost.alert limit 1`,
    ],
  ])('are found out if a row of %s is added by hand', async (table, values) => {
    const [{ id }] = (await database.rows('select watchpost.uuidv7() as id')) as [{ id: string }];
    const statement = `insert into watchpost.${table} ${values.replace('ID', `'${id}'::uuid`)}`;
    expect(await foundAfter(true, statement)).toEqual([['row_unrecorded', table, id]]);
  });

  it('may be deleted on record, one by one, in a cascade and thousands at a time', async () => {
    const [one, two, three] = alerts as [(typeof alerts)[0], (typeof alerts)[0], (typeof alerts)[0]];
    await database.rows('delete from watchpost.alert where id = $1', [one.alertId]);
    await database.rows(
      'delete from watchpost.face where id = (select face_id from watchpost.match where person_id = $1 limit 1)',
      [two.personId],
    );
    await database.rows('select watchpost.forget_person($1)', [two.personId]);
    await database.rows('delete from watchpost.watchlist where id = $1', [three.watchlistId]);
    await database.rows(
      `insert into watchpost.image (bytes) select convert_to(n::text, 'UTF8') from generate_series(1, 2500) as n`,
    );
    await database.rows(`delete from watchpost.image as i where watchpost.reason_to_keep(i.id) is null`);
    const [largest] = await database.rows(
      `select max(jsonb_array_length(payload -> 'image_ids'))::int as ids, sum((payload ->> 'images')::int)::int as images
       from watchpost.event where topic = 'images.deleted'`,
    );
    expect(largest.ids).toBe(1000);
    expect(largest.images).toBeGreaterThan(2500);
    expect(await found()).toEqual([]);
    expect(await database.rows('select * from watchpost.verify_tables()')).toEqual([]);
    await sealAll(database);
    expect(await verifyRecord(database)).toEqual([]);
  });

  it.skipIf(!onServer)(
    `are compared at one moment: what is added meanwhile is no difference ${needsServer}`,
    async () => {
      const client = await connectClient(database);
      await client.query('begin');
      await client.query(`insert into watchpost.person (name) values ('Meanwhile')`);
      expect(await found()).toEqual([]);
      await client.query('commit');
      expect(await found()).toEqual([]);
    },
  );

  it('need no events that were retired', async () => {
    const [{ begins }] = (await database.rows('select watchpost.uuidv7() as begins')) as [{ begins: string }];
    // As after the partition of all events so far was dropped.
    await tamper(
      database,
      'delete from watchpost.event',
      'delete from watchpost.handling',
      `insert into watchpost.seal (number, kind, row_count, first_key, last_key, retired, digest)
       select coalesce(max(number), 0) + 1, 'retired', 0, '00000000-0000-0000-0000-000000000000', '${begins}',
              '{"relation": "event"}', sha256('x') from watchpost.seal`,
    );
    expect(await found()).toEqual([]);
    await tamper(database, `insert into watchpost.person (name) values ('forged')`);
    expect(await found()).toMatchObject([['row_unrecorded', 'person', expect.any(String)]]);
  });
});
