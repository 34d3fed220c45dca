import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let user: string;

/** What was recorded since the last call. */
const recorded = async () => {
  const rows = await database.rows(
    `select payload, subject_id from watchpost.event where topic = 'subscription.changed' order by id offset $1`,
    [seen],
  );
  seen += rows.length;
  return rows.map((row) => row.payload);
};
let seen = 0;

beforeAll(async () => {
  database = await freshDatabase();
  [{ session_user: user }] = (await database.rows('select session_user')) as [{ session_user: string }];
});

describe('the record of subscriptions', () => {
  it('has no events about the rows of the installation', async () => {
    expect(await recorded()).toEqual([]);
  });

  it('has each addition, change and deletion, and by whom', async () => {
    await database.rows(
      `insert into watchpost.subscription (topic, task) values ('alert.raised', 'siren'), ('alert.raised', 'lamp')`,
    );
    const said = {
      enabled: true,
      batch_size: 1,
      max_attempts: 5,
      priority: 0,
      delivery: 'job',
      queue_by: null,
    };
    const siren = { topic: 'alert.raised', task: 'siren', by: user, note: null };
    expect(await recorded()).toEqual([
      { ...siren, old: null, new: said },
      { ...siren, task: 'lamp', old: null, new: said },
    ]);

    await database.rows(`update watchpost.subscription set batch_size = 3 where task = 'siren'`);
    expect(await recorded()).toEqual([{ ...siren, old: said, new: { ...said, batch_size: 3 } }]);

    await database.rows(`delete from watchpost.subscription where task = 'siren'`);
    expect(await recorded()).toEqual([{ ...siren, old: { ...said, batch_size: 3 }, new: null }]);
  });

  it('records a renamed task as a deletion and an addition', async () => {
    await database.rows(`update watchpost.subscription set task = 'lantern' where task = 'lamp'`);
    const changes = await recorded();
    expect(changes.toSorted((a, b) => (a.task < b.task ? -1 : 1))).toMatchObject([
      { task: 'lamp', new: null },
      { task: 'lantern', old: null },
    ]);
  });

  it('has no event where nothing changed', async () => {
    await database.rows('update watchpost.subscription set enabled = enabled');
    await database.rows(`delete from watchpost.subscription where task = 'never there'`);
    expect(await recorded()).toEqual([]);
  });

  it('gives the changes of one subscription one subject', async () => {
    await database.rows(`update watchpost.subscription set priority = 1 where task = 'lantern'`);
    await database.rows(`update watchpost.subscription set priority = 2 where task = 'lantern'`);
    const subjects = await database.rows(
      `select distinct subject_id from watchpost.event
       where topic = 'subscription.changed' and payload ->> 'task' = 'lantern'`,
    );
    expect(subjects).toHaveLength(1);
    await recorded();
  });

  it('names the caller of the API where it acts', async () => {
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query(`select set_config('watchpost.actor', 'api:gatekeeper', true)`);
    await client.query(`select watchpost.switch_task('lantern', false, 'it blinds the drivers')`);
    await client.query(`update watchpost.subscription set enabled = true where task = 'lantern'`);
    await client.query('commit');
    client.release();
    expect(await recorded()).toMatchObject([
      { by: 'api:gatekeeper', note: 'it blinds the drivers', new: { enabled: false } },
      { by: 'api:gatekeeper', note: null, new: { enabled: true } },
    ]);
  });

  it('goes to its consumers', async () => {
    await database.rows(
      `insert into watchpost.subscription (topic, task) values ('subscription.changed', 'watch_the_watchers')`,
    );
    await database.rows(`select watchpost.switch_task('lantern', false)`);
    const [event] = await database.rows(
      `select id, tasks from watchpost.event where topic = 'subscription.changed' order by id desc limit 1`,
    );
    expect(event.tasks).toEqual(['watch_the_watchers']);
    expect(await database.rows('select task from watchpost.outbox where event_id = $1', [event.id])).toEqual([
      { task: 'watch_the_watchers' },
    ]);
    await recorded();
  });

  it('has also what a TRUNCATE deleted', async () => {
    const [{ count }] = (await database.rows(
      'select count(*)::int as count from watchpost.subscription',
    )) as [{ count: number }];
    const client = await database.pool.connect();
    await client.query('begin');
    await client.query('truncate watchpost.subscription');
    const { rows } = await client.query(
      `select payload from watchpost.event where topic = 'subscription.changed' order by id offset $1`,
      [seen],
    );
    await client.query('rollback');
    client.release();
    expect(rows).toHaveLength(count);
    expect(rows[0].payload).toMatchObject({ old: { enabled: expect.any(Boolean) }, new: null });
  });
});

describe('switch_task', () => {
  it('refuses an unknown task, and names the known ones', async () => {
    await expect(database.rows(`select watchpost.switch_task('descibe', true)`)).rejects.toMatchObject({
      code: 'WP065',
      message: `There is no task 'descibe'.`,
      hint: expect.stringContaining('describe, detect'),
    });
    expect(await recorded()).toEqual([]);
  });
});
