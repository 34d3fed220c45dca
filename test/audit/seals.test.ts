import { createHash } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findHead, parseHead, readExtent, readHead, verifyRecord } from '../../src/database/verify.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { handleAll, sealAll, submitMany, tamper } from '../support/record.ts';
import { until } from '../support/until.ts';

describe('seals', () => {
  let database: TestDatabase;
  /** 25 events, sealed by tens: 1 to 3 are of events, 4 to 6 of handlings. */
  let events: string[];

  const sealed = async () => {
    const fresh = await freshDatabase();
    const ids = await submitMany(fresh, 25);
    await handleAll(fresh, ids);
    // One kind after the other, so that the numbers are known.
    for (const kind of ['event', 'handling']) {
      for (let left = 25; left > 0; ) {
        const [row] = await fresh.rows(`select watchpost.seal_rows($1, 10) as rows`, [kind]);
        left -= row.rows;
        if (row.rows === 0) await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    return { fresh, ids };
  };

  describe('of an untouched record', () => {
    beforeAll(async () => {
      ({ fresh: database, ids: events } = await sealed());
    });

    it('cover every row once, are chained, and verify in every time zone', async () => {
      expect(await verifyRecord(database)).toEqual([]);
      expect(await readExtent(database)).toEqual({ seals: 6, rows: 50, unsealed: 0, erased: 0 });
      const covered = await database.rows(
        'select unnest(ids) as id from watchpost.seal_leaves where number <= 3 order by 1',
      );
      expect(covered.map((row) => row.id)).toEqual(events);
      const client = await database.pool.connect();
      await client.query('begin');
      for (const setting of [
        `timezone = 'Asia/Kathmandu'`,
        `datestyle = 'German, DMY'`,
        'extra_float_digits = -3',
        `intervalstyle = 'sql_standard'`,
        `bytea_output = 'escape'`,
      ]) {
        await client.query(`set local ${setting}`);
      }
      const elsewhere = await client.query('select * from watchpost.verify_audit()');
      await client.query('rollback');
      client.release();
      expect(elsewhere.rows).toEqual([]);
    });

    it('have leaves that anybody can compute from the row', async () => {
      const [row] = await database.rows(
        `select e.id, e.topic, e.subject_id, e.image_id, e.xid::text as xid, e.payload ->> 'source' as source,
                (extract(epoch from e.created_at) * 1000000)::bigint::text as created_at,
                encode(watchpost.event_leaf(e), 'hex') as leaf
         from watchpost.event as e limit 1`,
      );
      const text =
        `["event", "${row.id}", "image.received", "${row.subject_id}", "${row.image_id}", ` +
        `{"source": "${row.source}", "image_id": "${row.image_id}"}, ["detect"], "${row.created_at}", "${row.xid}"]`;
      expect(createHash('sha256').update(text).digest('hex')).toBe(row.leaf);
    });

    it('report what is not sealed yet, and continue where they ended', async () => {
      await submitMany(database, 5);
      expect(await verifyRecord(database)).toEqual([]);
      expect((await readExtent(database)).unsealed).toBe(5);
      await sealAll(database);
      expect(await readExtent(database)).toEqual({ seals: 7, rows: 55, unsealed: 0, erased: 0 });
      expect(await verifyRecord(database)).toEqual([]);
    });
  });

  it.skipIf(!onServer)(`wait for a transaction that is still open ${needsServer}`, async () => {
    database = await freshDatabase();
    const slow = await database.pool.connect();
    await slow.query('begin');
    await slow.query(`insert into watchpost.image (bytes) values ('slow')`);
    await submitMany(database, 3);
    const [none] = await database.rows(`select watchpost.seal_rows('event') as rows`);
    expect(none.rows).toBe(0);
    await slow.query('commit');
    slow.release();
    await sealAll(database);
    expect((await readExtent(database)).rows).toBe(4);
    expect(await verifyRecord(database)).toEqual([]);
  });

  it.skipIf(!onServer)(`are verified while more of them are made ${needsServer}`, async () => {
    ({ fresh: database } = await sealed());
    await submitMany(database, 5);
    // A transaction of any database of the server holds back the seal that is made below.
    await until(async () => {
      const [row] = await database.rows(
        'select bool_and(xid < pg_snapshot_xmin(pg_current_snapshot())) as ended from watchpost.event',
      );
      return row.ended;
    });
    const verifier = await database.pool.connect();
    const verify = async () => (await verifier.query('select * from watchpost.verify_audit()')).rows;
    // Called once before, so that below it waits for the leaves and not while the function is prepared.
    expect(await verify()).toEqual([]);
    const sealer = await database.pool.connect();
    await sealer.query('begin');
    await sealer.query('lock table watchpost.seal_leaves in access exclusive mode');
    // Starts to verify, and waits for the leaves of the first seal.
    const verified = verify();
    await until(async () => {
      const waiting = await database.rows(
        `select from pg_locks where not granted and relation = 'watchpost.seal_leaves'::regclass`,
      );
      return waiting.length === 1;
    });
    const { rows } = await sealer.query(`select watchpost.seal_rows('event') as rows`);
    await sealer.query('commit');
    sealer.release();
    expect(rows).toEqual([{ rows: 5 }]);
    expect(await verified).toEqual([]);
    verifier.release();
  });

  describe('name', () => {
    const tables = ['event', 'handling', 'seal', 'seal_leaves', 'seal_head'];

    beforeAll(async () => {
      ({ fresh: database, ids: events } = await sealed());
      for (const table of tables) {
        await database.rows(`create table public.kept_${table} as select * from watchpost.${table}`);
      }
    });
    afterEach(async () => {
      await tamper(
        database,
        ...tables.flatMap((table) => [
          `delete from watchpost.${table}`,
          `insert into watchpost.${table} select * from public.kept_${table}`,
        ]),
      );
      expect(await found()).toEqual([]);
    });
    const found = async () =>
      (await verifyRecord(database)).map(({ seal, what, relation, row_id }) => [
        Number(seal),
        what,
        relation,
        row_id,
      ]);

    it('an altered row, in every column', async () => {
      const columns = {
        topic: `'x'`,
        subject_id: 'watchpost.uuidv7()',
        image_id: 'null',
        payload: `'{"image_id": 1}'`,
        tasks: `'{}'`,
        created_at: `created_at + interval '1 microsecond'`,
        xid: `'1'`,
      };
      for (const [column, value] of Object.entries(columns)) {
        await tamper(
          database,
          `create table public.kept as select * from watchpost.event where id = '${events[12]}'`,
          `update watchpost.event set ${column} = ${value} where id = '${events[12]}'`,
        );
        expect(await found(), column).toContainEqual([2, 'row_altered', 'event', events[12]]);
        await tamper(
          database,
          `delete from watchpost.event where id = '${events[12]}'`,
          'insert into watchpost.event select * from public.kept',
          'drop table public.kept',
        );
        expect(await found(), `${column} restored`).toEqual([]);
      }
    });

    it('an altered handling', async () => {
      const [row] = await database.rows('select id from watchpost.handling order by xid, id offset 24');
      await tamper(database, `update watchpost.handling set duration_ms = 1.5000001 where id = '${row.id}'`);
      expect(await found()).toEqual([[6, 'row_altered', 'handling', row.id]]);
    });

    it('a missing row', async () => {
      await tamper(database, `delete from watchpost.event where id = '${events[0]}'`);
      expect(await found()).toEqual([[1, 'row_missing', 'event', events[0]]]);
    });

    it('an added row', async () => {
      await tamper(
        database,
        `insert into watchpost.event (id, topic, subject_id, xid)
         select 'ffffffff-ffff-7fff-bfff-ffffffffffff', 'forged', gen_random_uuid(), xid
         from watchpost.event where id = '${events[20]}'`,
      );
      expect(await found()).toEqual([[3, 'row_added', 'event', 'ffffffff-ffff-7fff-bfff-ffffffffffff']]);
    });

    it('two rows whose contents were swapped', async () => {
      await tamper(
        database,
        `update watchpost.event as e
         set subject_id = o.subject_id, image_id = o.image_id, payload = o.payload
         from watchpost.event as o
         where (e.id, o.id) in (('${events[3]}', '${events[13]}'), ('${events[13]}', '${events[3]}'))`,
      );
      expect(await found()).toEqual([
        [1, 'row_altered', 'event', events[3]],
        [2, 'row_altered', 'event', events[13]],
      ]);
    });

    it('an altered seal', async () => {
      await tamper(
        database,
        `update watchpost.seal set sealed_at = sealed_at - interval '1 day' where number = 3`,
      );
      expect(await found()).toEqual([[3, 'seal_altered', 'event', null]]);
    });

    it('a seal with a new digest, once', async () => {
      await tamper(database, `update watchpost.seal set digest = sha256('x') where number = 3`);
      expect(await found()).toEqual([[3, 'seal_altered', 'event', null]]);
    });

    it('a missing seal', async () => {
      await tamper(
        database,
        'delete from watchpost.seal_leaves where number = 2',
        'delete from watchpost.seal where number = 2',
      );
      expect(await found()).toEqual([[2, 'seal_missing', null, null]]);
    });

    it('the missing latest seal', async () => {
      await tamper(database, 'delete from watchpost.seal where number = 6');
      expect(await found()).toEqual([[6, 'seal_missing', null, null]]);
    });

    it('all seals gone', async () => {
      await tamper(database, 'delete from watchpost.seal');
      expect(await found()).toEqual([[1, 'seal_missing', null, null]]);
    });

    it('altered and missing leaves', async () => {
      await tamper(
        database,
        `update watchpost.seal_leaves set leaves[1] = sha256('x') where number = 1`,
        'delete from watchpost.seal_leaves where number = 5',
      );
      expect(await found()).toEqual([
        [1, 'leaves_altered', 'event', null],
        [5, 'leaves_missing', 'handling', null],
      ]);
    });

    it('a row that was altered together with its leaf and its seal, by the seal after it', async () => {
      await tamper(
        database,
        `update watchpost.event set topic = 'forged' where id = '${events[0]}'`,
        `update watchpost.seal_leaves set leaves[1] = (select watchpost.event_leaf(e) from watchpost.event as e where e.id = '${events[0]}') where number = 1`,
        `update watchpost.seal as s set root = watchpost.seal_root(l.ids, l.keys, l.leaves) from watchpost.seal_leaves as l where l.number = 1 and s.number = 1`,
        `update watchpost.seal as s set digest = watchpost.seal_digest(sha256('watchpost'), s) where number = 1`,
      );
      expect(await found()).toEqual([[2, 'seal_altered', 'event', null]]);
    });

    it('a chain that was rewritten to its end, by a head that was kept elsewhere', async () => {
      const kept = await readHead(database);
      const line = `${kept?.number} ${kept?.digest} ${kept?.sealed_at.toISOString()}`;
      expect(await findHead(database, parseHead(line)!)).toMatchObject({ number: '6' });
      expect(await findHead(database, parseHead(String(kept?.digest))!)).toMatchObject({ number: '6' });
      await tamper(
        database,
        `update watchpost.event set topic = 'forged' where id = '${events[0]}'`,
        'delete from watchpost.seal_leaves',
        'delete from watchpost.seal',
        `update watchpost.seal_head set number = 0, digest = sha256('watchpost')`,
      );
      await sealAll(database);
      expect(await found()).toEqual([]);
      expect(await findHead(database, parseHead(line)!)).toBeUndefined();
    });
  });
});
