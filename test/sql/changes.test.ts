import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let listId: string;

const makeList = async (columns: Record<string, unknown> = {}): Promise<string> => {
  const given = { name: `list ${Math.random()}`, ...columns };
  const [list] = await database.rows(
    `insert into watchpost.watchlist (${Object.keys(given)}) values (${Object.keys(given).map((_, i) => `$${i + 1}`)})
     returning id`,
    Object.values(given),
  );
  return list.id;
};
const makePeople = async (...names: string[]): Promise<string[]> => {
  const rows = await database.rows(
    'insert into watchpost.person (name) select n from unnest($1::text[]) as n returning id',
    [names],
  );
  return rows.map((row) => row.id);
};
const put = (lists: string[], people: string[]) =>
  database.rows(
    `insert into watchpost.watchlist_entry (watchlist_id, person_id)
     select l, p from unnest($1::uuid[]) as l cross join unnest($2::uuid[]) as p`,
    [lists, people],
  );
const versionOf = async (id = listId): Promise<number> =>
  (await database.rows('select version from watchpost.watchlist where id = $1', [id]))[0].version;
const eventsOf = (subject: string, topic = '%') =>
  database.rows(
    'select topic, payload from watchpost.event where subject_id = $1 and topic like $2 order by id',
    [subject, topic],
  );

beforeAll(async () => {
  database = await freshDatabase();
});
beforeEach(async () => {
  listId = await makeList();
});

describe('a change of a list', () => {
  it('writes an event with the old values, the new values, and who made the change', async () => {
    const client = await connectClient(database);
    await client.query('begin');
    await client.query(`select set_config('watchpost.actor', 'api:desk', true)`);
    await client.query(
      `update watchpost.watchlist set threshold = 0.6, purpose = 'theft', severity = severity where id = $1`,
      [listId],
    );
    await client.query('commit');
    const [made, changed, ...others] = await eventsOf(listId);
    expect(others).toEqual([]);
    expect(made).toMatchObject({
      topic: 'watchlist.changed',
      payload: { change: 'created', version: 1, old: {}, new: { threshold: 0.5, enabled: true } },
    });
    expect(changed).toEqual({
      topic: 'watchlist.changed',
      payload: {
        watchlist_id: listId,
        name: expect.any(String),
        version: 2,
        change: 'updated',
        by: 'api:desk',
        old: { threshold: 0.5, threshold_name: 'default', purpose: 'unspecified' },
        new: { threshold: 0.6, threshold_name: null, purpose: 'theft' },
      },
    });
  });

  it('by the database user is recorded in their name', async () => {
    const [{ payload }] = (await eventsOf(listId)) as [{ payload: { by: string } }];
    const [{ user }] = await database.rows('select session_user as user');
    expect(payload.by).toBe(user);
  });

  it('that changes nothing bumps nothing and writes no event', async () => {
    await database.rows('update watchpost.watchlist set threshold = threshold, name = name where id = $1', [
      listId,
    ]);
    await database.rows(`update watchpost.watchlist set name = 'x' where false`);
    expect(await versionOf()).toBe(1);
    expect(await eventsOf(listId)).toHaveLength(1);
  });

  it('counts each list of a statement once', async () => {
    const other = await makeList();
    await database.rows('update watchpost.watchlist set cooldown = $2 where id = any ($1)', [
      [listId, other],
      '1 hour',
    ]);
    expect([await versionOf(listId), await versionOf(other)]).toEqual([2, 2]);
  });

  it('by deletion records its last values, and the people who were on it', async () => {
    const [ada] = await makePeople('Ada');
    await put([listId], [ada as string]);
    await database.rows('delete from watchpost.watchlist where id = $1', [listId]);
    const events = await eventsOf(listId);
    expect(events.map(({ topic, payload }) => [topic, payload.change])).toEqual(
      expect.arrayContaining([
        ['watchlist.changed', 'created'],
        ['watchlist.person_added', 'added'],
        ['watchlist.person_removed', 'removed'],
        ['watchlist.changed', 'deleted'],
      ]),
    );
    const deleted = events.find(({ payload }) => payload.change === 'deleted');
    expect(deleted.payload).toMatchObject({ old: { threshold: 0.5 }, new: {} });
  });
});

describe('the people on a list', () => {
  it('is an event for each person, and one version for each statement', async () => {
    const [ada, bea] = (await makePeople('Ada', 'Bea')) as [string, string];
    const other = await makeList();
    await put([listId, other], [ada, bea]);
    expect([await versionOf(listId), await versionOf(other)]).toEqual([2, 2]);
    await database.rows('delete from watchpost.watchlist_entry where watchlist_id = $1 and person_id = $2', [
      listId,
      ada,
    ]);
    const events = await eventsOf(listId, 'watchlist.person%');
    expect(events.map(({ topic, payload }) => [topic, payload.person_id, payload.version])).toEqual([
      ...events.slice(0, 2).map(({ payload }) => ['watchlist.person_added', payload.person_id, 2]),
      ['watchlist.person_removed', ada, 3],
    ]);
    expect(new Set(events.slice(0, 2).map(({ payload }) => payload.person_id))).toEqual(new Set([ada, bea]));
    expect(events[0].payload).toEqual({
      watchlist_id: listId,
      person_id: expect.any(String),
      version: 2,
      change: 'added',
      by: expect.any(String),
    });
    expect(await versionOf(other), 'the other list was left alone').toBe(2);
  });

  it('is not changed by putting somebody there again', async () => {
    const [ada] = (await makePeople('Ada')) as [string];
    await put([listId], [ada]);
    await database.rows(
      'insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2) on conflict do nothing',
      [listId, ada],
    );
    await database.rows('update watchpost.watchlist_entry set created_at = now() where watchlist_id = $1', [
      listId,
    ]);
    expect(await versionOf()).toBe(2);
    expect(await eventsOf(listId, 'watchlist.person%')).toHaveLength(1);
  });

  it('moved from one list to another leaves the one and joins the other', async () => {
    const [ada] = (await makePeople('Ada')) as [string];
    const other = await makeList();
    await put([listId], [ada]);
    await database.rows('update watchpost.watchlist_entry set watchlist_id = $2 where watchlist_id = $1', [
      listId,
      other,
    ]);
    expect((await eventsOf(listId, 'watchlist.person_removed')).length).toBe(1);
    expect((await eventsOf(other, 'watchlist.person_added')).length).toBe(1);
    expect([await versionOf(listId), await versionOf(other)]).toEqual([3, 2]);
  });

  it('changes with the person: one who is deleted leaves every list on record', async () => {
    const [ada] = (await makePeople('Ada')) as [string];
    await put([listId], [ada]);
    await database.rows('delete from watchpost.person where id = $1', [ada]);
    expect(await eventsOf(listId, 'watchlist.person_removed')).toMatchObject([
      { payload: { person_id: ada } },
    ]);
    expect(await versionOf()).toBe(3);
  });

  it.skipIf(!onServer)(
    `can be changed over the same lists from two sides at once ${needsServer}`,
    async () => {
      const [ada, bea] = (await makePeople('Ada', 'Bea')) as [string, string];
      const lists = [listId, await makeList(), await makeList()].sort();
      const [first, second] = [await connectClient(database), await connectClient(database)];
      const insert = `insert into watchpost.watchlist_entry (watchlist_id, person_id)
                    select l, $2 from unnest($1::uuid[]) with ordinality as t (l, place) order by place`;
      await first.query('begin');
      await first.query(insert, [lists, ada]);
      const waiting = second.query(insert, [lists.toReversed(), bea]);
      await untilBlocked(database);
      await first.query('commit');
      await waiting;
      expect(await Promise.all(lists.map((list) => versionOf(list)))).toEqual([3, 3, 3]);
    },
  );
});

describe('a change of a person', () => {
  it('writes an event with the old and the new values', async () => {
    const [ada] = (await makePeople('Ada')) as [string];
    await database.rows(
      `update watchpost.person set name = 'Ada L.', metadata = '{"born": 1815}', external_ref = 'hr-1' where id = $1`,
      [ada],
    );
    await database.rows('update watchpost.person set name = name where id = $1', [ada]);
    await database.rows('delete from watchpost.person where id = $1', [ada]);
    const events = await eventsOf(ada);
    expect(events.map(({ topic }) => topic)).toEqual(Array(3).fill('person.changed'));
    expect(events.map(({ payload }) => payload)).toMatchObject([
      { person_id: ada, change: 'created', old: {}, new: { name: 'Ada', external_ref: null } },
      {
        change: 'updated',
        old: { name: 'Ada', metadata: {}, external_ref: null },
        new: { name: 'Ada L.', metadata: { born: 1815 }, external_ref: 'hr-1' },
      },
      { change: 'deleted', old: { name: 'Ada L.' }, new: {} },
    ]);
    expect(Object.keys(events[1].payload.new)).toHaveLength(3);
  });
});

describe('a wrong list', () => {
  it.each([
    ['a threshold above 1', { threshold: 1.5 }, 'WP030', /threshold .* 1\.5.* from 0 to 1/],
    ['a threshold below 0', { threshold: -0.1 }, 'WP030', /from 0 to 1/],
    ['a threshold that is no number', { threshold: 'NaN' }, 'WP030', /NaN/],
    ['a share of 1', { target_fpir: 1 }, 'WP030', /target_fpir/],
    [
      'an end before its beginning',
      { valid_from: '2031-01-02', valid_until: '2031-01-01' },
      'WP031',
      /would never be valid/,
    ],
    ['an end in the past', { valid_until: '2020-01-01' }, 'WP032', /ended already/],
  ])('with %s is refused by a code, and is not there', async (_, columns, code, message) => {
    await expect(makeList({ name: 'wrong', ...columns })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
    expect(await database.rows(`select from watchpost.watchlist where name = 'wrong'`)).toEqual([]);
  });

  it('is refused when it becomes one, too, and stays as it was', async () => {
    const set = (assignment: string) =>
      database.rows(`update watchpost.watchlist set ${assignment} where id = $1`, [listId]);
    await expect(set('threshold = 2')).rejects.toMatchObject({ code: 'WP030' });
    await set(`valid_until = '2031-01-01'`);
    await expect(set(`valid_from = '2032-01-01'`)).rejects.toMatchObject({ code: 'WP031' });
    expect(await versionOf()).toBe(2);
  });

  it('that has ended accepts nobody, and its version stays', async () => {
    const [ada] = (await makePeople('Ada')) as [string];
    const other = await makeList();
    await database.rows(
      `update watchpost.watchlist set valid_until = now() - interval '1 minute' where id = $1`,
      [listId],
    );
    await expect(put([other, listId], [ada])).rejects.toMatchObject({
      code: 'WP032',
      message: expect.stringMatching(/it ended/),
    });
    expect([await versionOf(other), await versionOf(listId)]).toEqual([1, 2]);
    expect(await eventsOf(other, 'watchlist.person%')).toEqual([]);
  });
});

describe('a threshold that follows a calibration', () => {
  beforeAll(async () => {
    // This test checks that the calibration is used, not what it returns.
    await database.rows(
      `create or replace function watchpost.threshold_for(target_fpir real, model text default null) returns real
       language sql stable return 0.6 - target_fpir`,
    );
  });
  const listOf = async (id: string) =>
    (await database.rows('select threshold, target_fpir from watchpost.watchlist where id = $1', [id]))[0];

  it('is taken from it when the list is made, and when the share is changed', async () => {
    const id = await makeList({ target_fpir: 0.1 });
    expect(await listOf(id)).toEqual({ threshold: 0.5, target_fpir: 0.1 });
    await database.rows('update watchpost.watchlist set target_fpir = 0.2 where id = $1', [id]);
    expect(await listOf(id)).toEqual({ threshold: 0.4, target_fpir: 0.2 });
  });

  it('ends when the threshold is set by hand, and not when it is updated', async () => {
    const id = await makeList({ target_fpir: 0.1 });
    const client = await connectClient(database);
    await client.query(`begin; set local watchpost.calibrating = 'on'`);
    await client.query('update watchpost.watchlist set threshold = 0.52 where id = $1', [id]);
    await client.query('commit');
    expect(await listOf(id)).toEqual({ threshold: 0.52, target_fpir: 0.1 });
    await database.rows('update watchpost.watchlist set threshold = 0.55 where id = $1', [id]);
    expect(await listOf(id)).toEqual({ threshold: 0.55, target_fpir: null });
  });
});
