import { beforeAll, describe, expect, it } from 'vitest';
import { readExtent, readRestores, verifyRecord } from '../../src/database/verify.ts';
import { newAlerts } from '../../src/watchlist/alerts.ts';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { handleAll, sealAll, submitMany } from '../support/record.ts';

/** What the server that the dump came from had counted more than this one. */
const ahead = 5_000_000_000;

/** As if this were a server that has counted far more transactions. */
const countFrom = async (database: TestDatabase, added: number): Promise<void> => {
  const value = added === 0 ? 'pg_current_xact_id()' : `watchpost.add_to_xid(pg_current_xact_id(), ${added})`;
  for (const table of ['event', 'handling', 'alert'])
    await database.rows(`alter table watchpost.${table} alter column xid set default ${value}`);
};

/** A database that a dump of such a server was restored into: its rows, and the default of a new schema. */
const restoredDatabase = async () => {
  const database = await freshDatabase();
  await countFrom(database, ahead);
  await database.rows(
    `insert into watchpost.server_timeline (identity, timeline, xid_added)
     values (watchpost.database_identity(), watchpost.timeline_of_server(), $1)`,
    [ahead],
  );
  const events = await submitMany(database, 5);
  await handleAll(database, events);
  await raiseAlert(database);
  await sealAll(database);
  const unsealed = await submitMany(database, 2);
  const [{ position }] = await database.rows('select watchpost.record_snapshot()::text as position');

  await countFrom(database, 0);
  await database.rows(`update watchpost.server_timeline set identity = 'elsewhere', xid_added = 0`);
  return { database, events, unsealed, position };
};

describe('a record that was restored on a server that has counted fewer transactions', () => {
  let restored: Awaited<ReturnType<typeof restoredDatabase>>;
  let early: string[];
  beforeAll(async () => {
    restored = await restoredDatabase();
    // A camera inserts its photos before any process of Watchpost runs.
    early = await submitMany(restored.database, 3);
    await sealAll(restored.database);
  });

  it('is as it was sealed, and continues with a seal that says so', async () => {
    const { database } = restored;
    expect(await verifyRecord(database)).toEqual([]);
    expect(await readRestores(database)).toHaveLength(1);
    const [seal] = await database.rows(
      `select row_count::int as rows, restored from watchpost.seal where restored is not null`,
    );
    const [{ here }] = await database.rows('select watchpost.database_identity() as here');
    expect(seal).toMatchObject({ rows: 0, restored: { from: 'elsewhere', to: here } });
  });

  it('has sealed what was not sealed when it was dumped, and what was written before anybody noticed', async () => {
    const { database, unsealed } = restored;
    const after = await database.rows(
      `select unnest(l.ids) as id from watchpost.seal_leaves as l
       where l.number > (select number from watchpost.seal where kind = 'restored')
         and l.keys is null`,
    );
    expect(after.map(({ id }) => id)).toEqual(expect.arrayContaining([...unsealed, ...early]));
    expect((await readExtent(database)).unsealed).toBe(0);
  });

  it('counts on above everything that was restored', async () => {
    const { database } = restored;
    const last = await submitMany(database, 1);
    const xids = await database.rows<{ id: string }>(
      'select id from watchpost.event order by xid desc limit 4',
    );
    expect(new Set(xids.map(({ id }) => id))).toEqual(new Set([...last, ...early]));
    await sealAll(database);
    expect(await verifyRecord(database)).toEqual([]);
    expect(await readRestores(database)).toHaveLength(1);
  });

  it('still shows a row that was altered before or after', async () => {
    const { database, events } = restored;
    for (const event of [events[0], early[0]]) {
      const client = await database.pool.connect();
      await client.query('begin');
      await client.query('set local session_replication_role = replica');
      await client.query(`update watchpost.event set topic = 'forged' where id = $1`, [event]);
      const { rows } = await client.query('select what, row_id from watchpost.verify_audit()');
      await client.query('rollback');
      client.release();
      expect(rows).toEqual([{ what: 'row_altered', row_id: event }]);
    }
  });

  it('gives followers of alerts each new one once, also from a position of the old server', async () => {
    const { database, position } = restored;
    const fresh = await newAlerts(database.db, {});
    const followed = await newAlerts(database.db, {}, position);
    expect(await followed.next()).toEqual([]);
    const { alertId } = await raiseAlert(database);
    for (const follower of [followed, fresh]) {
      expect((await follower.next()).map(({ row }) => row.id)).toEqual([alertId]);
      expect(await follower.next()).toEqual([]);
    }
  });

  it('may be restored again', async () => {
    const { database } = restored;
    await database.rows(
      `update watchpost.server_timeline set identity = 'elsewhere again' where identity = watchpost.database_identity()`,
    );
    const events = await submitMany(database, 2);
    await sealAll(database);
    await handleAll(database, events);
    await sealAll(database);
    expect(await verifyRecord(database)).toEqual([]);
    expect(await readRestores(database)).toHaveLength(2);
    expect((await readExtent(database)).unsealed).toBe(0);
  });

  it('lets the fence tell rows of its own transaction from those before it', async () => {
    const { database } = restored;
    const events = await submitMany(database, 2);
    await handleAll(database, events.slice(0, 1));
    const [{ passed }] = await database.rows(
      `select watchpost.fence('detect', 1, null, 0, $1::uuid[], null, null, null) as passed`,
      [events],
    );
    expect(passed).toEqual(events.slice(1));
  });
});

it('a database that no worker has seen is at home where it is found first', async () => {
  const database = await freshDatabase();
  await submitMany(database, 1);
  await sealAll(database);
  expect(await readRestores(database)).toEqual([]);
  const rows = await database.rows('select xid_added::int as added from watchpost.server_timeline');
  expect(rows).toEqual([{ added: 0 }]);
});
