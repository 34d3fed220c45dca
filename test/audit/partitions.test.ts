import { beforeAll, describe, expect, it } from 'vitest';
import { verifyRecord } from '../../src/database/verify.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { handleAll, sealAll, submitMany, tamper } from '../support/record.ts';

/** Whose rows are in partitions. */
const relations = ['access', 'event', 'handling', 'search'];
const tasks = [
  'alarms',
  'answers',
  'events',
  'heads',
  'keys',
  'paging',
  'partitions',
  'people',
  'purge_faces',
  'purge_images',
  'purge_persons',
  'retention',
  'seal',
  'statistics',
  'stranger_alerts',
  'strangers',
];

describe('partitions', () => {
  let database: TestDatabase;
  let weeks = 4;

  beforeAll(async () => {
    database = await freshDatabase();
  });

  const one = async (text: string, values: unknown[] = []) => (await database.rows(text, values))[0];
  const insertEvent = async (at: string, tasks = '{}') =>
    (
      await one(
        `insert into watchpost.event (id, topic, subject_id, image_id, tasks)
         values (watchpost.uuidv7_at(${at}), 'test', gen_random_uuid(), watchpost.uuidv7_at(${at}), $1) returning id`,
        [tasks],
      )
    ).id as string;
  const partitionOf = async (relation: string, key: string, id: string) =>
    (await one(`select tableoid::regclass::text as name from watchpost.${relation} where ${key} = $1`, [id]))
      ?.name;
  /** Makes the partitions of a week long ago, another one each time; returns a moment in it. */
  const oldWeek = async () => {
    const { from } = await one(
      `select date_bin('7 days', now() - interval '7 days' * $1::integer, '2000-01-03 00:00+00')::text as from`,
      [weeks++],
    );
    for (const relation of ['event', 'handling', 'search']) {
      const { trouble } = await one(
        `select watchpost.add_partition($1, $2::timestamptz, $2::timestamptz + interval '7 days', 0) as trouble`,
        [relation, from],
      );
      expect(trouble).toBeNull();
    }
    return `'${from}'::timestamptz + interval '1 day'`;
  };

  const retain = async () => (await one('select watchpost.retain() as result')).result as string;

  it('bound keys by time', async () => {
    const bounds = await one(
      `select watchpost.uuidv7_at(now() + interval '1 second') > watchpost.uuidv7() as above,
              watchpost.uuidv7_at(now() - interval '1 millisecond') < watchpost.uuidv7() as below,
              watchpost.uuidv7_time(watchpost.uuidv7_at('2026-11-23 12:34:56.789Z')) = '2026-11-23 12:34:56.789Z' as back`,
    );
    expect(bounds).toEqual({ above: true, below: true, back: true });
  });

  it('are maintained by the workers, each task when it is due', async () => {
    const done = [];
    for (;;) {
      const { task, error } = await one('select * from watchpost.upkeep()');
      if (!task) break;
      expect(error).toBeNull();
      done.push(task);
    }
    expect(done.sort()).toEqual(tasks);
    await submitMany(database, 1);
    expect(await one('select task from watchpost.upkeep()')).toEqual({ task: null });
    await database.rows(`update watchpost.upkeep_task set last_run = last_run - interval '11 seconds'`);
    for (const task of ['statistics', 'stranger_alerts', 'seal', null])
      expect(await one('select task from watchpost.upkeep()')).toEqual({ task });
  });

  it('record why a task failed, and the others still run', async () => {
    await database.rows('update watchpost.upkeep_task set last_run = null');
    await database.rows(`insert into watchpost.upkeep_task (task, every) values ('nonsense', '1 hour')`);
    const results = [];
    for (const _ of [...tasks, 'nonsense']) results.push(await one('select * from watchpost.upkeep()'));
    expect(results.map((row) => row.task).sort()).toEqual([...tasks, 'nonsense'].sort());
    expect(results.filter((row) => row.error)).toEqual([
      { task: 'nonsense', result: null, error: "There is no upkeep task 'nonsense'.", rest_ms: null },
    ]);
  });

  it('are there for four weeks and made once', async () => {
    const made = await database.rows(
      `select relation, min(from_at) <= now() and max(until_at) >= now() + interval '28 days' as enough,
              count(*) * interval '7 days' = max(until_at) - min(from_at) as whole
       from watchpost.partition where not rest group by relation order by relation`,
    );
    expect(made).toEqual(relations.map((relation) => ({ relation, enough: true, whole: true })));
    expect(await one('select watchpost.make_partitions() as made')).toEqual({ made: '0 made' });
  });

  it('keep a handling with its event, and the fence over all of them', async () => {
    const at = await oldWeek();
    const [old, fresh] = [await insertEvent(at), await insertEvent('now()')];
    for (const id of [old, fresh]) {
      const handle = `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
                      values ($1, 'x', 'done', 1, now(), 1)`;
      await database.rows(handle, [id]);
      await expect(database.rows(handle, [id])).rejects.toMatchObject({ code: '23505' });
      expect(
        await database.rows(
          `${handle} on conflict (event_id, task) where outcome = 'done' do nothing returning id`,
          [id],
        ),
      ).toEqual([]);
    }
    const name = await partitionOf('event', 'id', old);
    expect(await partitionOf('handling', 'event_id', old)).toBe(name.replace('event', 'handling'));
    expect(await partitionOf('event', 'id', fresh)).not.toBe(name);
  });

  it('take over the rows that were inserted before them, and no event is handled twice', async () => {
    await database.rows('delete from watchpost.outbox');
    const id = await insertEvent(`now() + interval '40 days'`, '{x}');
    const other = await insertEvent(`now() + interval '400 days'`, '{x}');
    await sealAll(database);
    expect(await partitionOf('event', 'id', id)).toBe('watchpost_history.event_rest');
    const refused = await one(`select watchpost.make_partitions('42 days', 0) as result`);
    expect(refused.result).toContain('1 rows are in event_rest');
    await one(`select watchpost.make_partitions('42 days')`);
    expect(await partitionOf('event', 'id', id)).toMatch(/event_\d/);
    expect(await partitionOf('event', 'id', other)).toBe('watchpost_history.event_rest');
    expect(await one('select count(*)::int as n from watchpost.outbox')).toEqual({ n: 2 });
    expect(await verifyRecord(database)).toEqual([]);
    await expect(database.rows('truncate watchpost_history.event_rest')).rejects.toMatchObject({
      code: 'WP020',
    });
    await expect(database.rows('delete from watchpost.event where id = $1', [other])).rejects.toMatchObject({
      code: 'WP020',
    });
  });

  describe('that are old', () => {
    beforeAll(async () => {
      database = await freshDatabase();
    });

    it('are retired with their handlings and leaves, but not by default, nor unsealed, nor with open work', async () => {
      // Empty, sealed and without open work, but it has to wait for the older one.
      await oldWeek();
      const at = await oldWeek();
      const id = await insertEvent(at, '{x}');
      const young = await submitMany(database, 3);
      await tamper(
        database,
        `insert into watchpost.image (id, byte_length, sha256) values (watchpost.uuidv7_at(${at}), 1, '')`,
      );
      const state = async () =>
        one(`select state, code from watchpost.image_status where image_id = watchpost.uuidv7_at(${at})`);

      expect(await retain()).toBe('0 retired');
      await database.rows(
        `update watchpost.retention set action = 'drop', age = '14 days' where relation = 'event'`,
      );
      expect(await retain()).toMatch(/^0 retired; \S+ stays: work on its events is still to be done$/);
      await database.rows('delete from watchpost.outbox where event_id = $1', [id]);
      await handleAll(database, [...young]);
      await database.rows(
        `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
       values ($1, 'x', 'done', 1, now(), 1)`,
        [id],
      );
      expect(await retain()).toContain(': it is not sealed yet');
      expect(await state()).toEqual({ state: 'done', code: 'no_face' });

      await sealAll(database, 1);
      expect(await retain()).toMatch(/^1 retired: event_/);
      expect(await retain()).toMatch(/^1 retired: event_/);
      expect(await retain()).toBe('0 retired');
      expect(await one('select count(*)::int as n from watchpost.event where id = $1', [id])).toEqual({
        n: 0,
      });
      expect(
        await one('select count(*)::int as n from watchpost.handling where event_id = $1', [id]),
      ).toEqual({
        n: 0,
      });
      expect(
        await database.rows(
          `select to_regclass('watchpost_history.' || (retired ->> 'partition')) as left,
                  retired ->> 'relation' as relation, row_count::int as rows
           from watchpost.seal where kind = 'retired' order by number`,
        ),
      ).toEqual([
        { left: null, relation: 'handling', rows: 1 },
        { left: null, relation: 'event', rows: 1 },
        { left: null, relation: 'handling', rows: 0 },
        { left: null, relation: 'event', rows: 0 },
      ]);
      expect(await verifyRecord(database)).toEqual([]);
      // One seal of each kind held nothing else, so its leaves are gone; those of the younger rows are not.
      expect(
        await database.rows(
          `select s.kind, count(*)::int as seals, count(l.number)::int as with_leaves
         from watchpost.seal as s left join watchpost.seal_leaves as l using (number)
         where s.kind <> 'retired' group by s.kind order by s.kind`,
        ),
      ).toEqual([
        // The change of the rule is an event too.
        { kind: 'event', seals: 5, with_leaves: 4 },
        { kind: 'handling', seals: 4, with_leaves: 3 },
      ]);
      expect(await state()).toEqual({ state: 'done', code: 'history_retired' });

      await tamper(database, `delete from watchpost.event where id = '${young[1]}'`);
      expect(await verifyRecord(database)).toMatchObject([{ what: 'row_missing', row_id: young[1] }]);
    });
  });

  describe('and those who use them', () => {
    beforeAll(async () => {
      database = await freshDatabase();
    });

    it('are detached instead, and left to be archived', async () => {
      const at = await oldWeek();
      const id = await insertEvent(at);
      const name = await partitionOf('event', 'id', id);
      await sealAll(database);
      await database.rows(
        `update watchpost.retention set action = 'detach', age = '14 days' where relation in ('event', 'search')`,
      );
      while ((await retain()).startsWith('1'));
      expect(
        await one(`select count(*)::int as n from watchpost.event where topic <> 'retention.changed'`),
      ).toEqual({ n: 0 });
      expect(await one(`select id from ${name}`)).toEqual({ id });
      expect(await verifyRecord(database)).toEqual([]);
      // No row can be inserted in its place without being noticed.
      await tamper(
        database,
        `insert into watchpost.event select * from ${name}`,
        `update watchpost.event set topic = 'x'`,
      );
      expect(await verifyRecord(database)).toMatchObject([{ what: 'row_added', row_id: id }]);
    });

    it('let a match outlive its search', async () => {
      const at = await oldWeek();
      await tamper(
        database,
        `insert into watchpost.search (id, embedding_id, face_id, model_id, watchlists, method, outcome)
       values (watchpost.uuidv7_at(${at}), gen_random_uuid(), gen_random_uuid(), 'm', '{}', 'exact', 'nobody')`,
        `insert into watchpost.match (search_id, image_id, face_id, person_id, watchlist_id, similarity, threshold)
       values (watchpost.uuidv7_at(${at}), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 1, 0)`,
      );
      await database.rows(
        `update watchpost.retention set action = 'drop', age = '14 days' where relation = 'search'`,
      );
      while ((await retain()).startsWith('1'));
      expect(
        await one(
          'select (select count(*) from watchpost.search)::int as s, (select count(*) from watchpost.match)::int as m',
        ),
      ).toEqual({ s: 0, m: 1 });
    });

    it.skipIf(!onServer)(`are left to the next run while a session reads them ${needsServer}`, async () => {
      const at = await oldWeek();
      await insertEvent(at);
      await sealAll(database);
      await database.rows(
        `update watchpost.retention set action = 'drop', age = '14 days' where relation = 'event'`,
      );
      const reader = await database.pool.connect();
      await reader.query('begin');
      await reader.query('select count(*) from watchpost.event');
      const started = Date.now();
      const [result] = await Promise.all([
        retain(),
        // A writer that arrives while the lock is requested waits no longer than the lock timeout.
        new Promise((resolve) => setTimeout(resolve, 50)).then(() => submitMany(database, 1)),
      ]);
      expect(result).toContain(': the table was in use');
      expect(Date.now() - started).toBeLessThan(5_000);
      await reader.query('commit');
      reader.release();
      await sealAll(database);
      expect(await retain()).toMatch(/^1 retired: event_/);
    });

    it("are read one by one: of 60 partitions, a photo's handlings are in one", async () => {
      await database.rows(`
      select watchpost.add_partition(r, m.at - interval '7 days' * d, m.at - interval '7 days' * (d - 1), 0)
      from unnest('{event,handling}'::text[]) as r,
        generate_series(1, 55) as d,
        (select min(p.from_at) - interval '700 days' as at from watchpost.partition as p) as m`);
      await handleAll(database, await submitMany(database, 20));
      const { id } = await one('select id from watchpost.image limit 1');
      const plan = await database.rows(
        `explain (analyze, costs off, timing off, summary off) select * from watchpost.event_task where image_id = '${id}'`,
      );
      const scans = plan
        .map((row) => String(row['QUERY PLAN']))
        .filter((line) => / on handling_\S+ h/.test(line) && !line.includes('never executed'));
      expect(scans).toHaveLength(1);
    });
  });
});
