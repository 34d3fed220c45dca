import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

/** What watchpost.invariant says of work that waits because somebody paused its task. */
describe('a paused task', () => {
  let database: TestDatabase;
  let waiting: string;
  let imageId: string;

  beforeAll(async () => {
    database = await freshDatabase();
    await database.rows(
      `insert into watchpost.worker (host, pid, version, concurrency, tasks) values ('here', 1, '1', 1, '{detect,embed}')`,
    );
    const event = async (task: string) => {
      const [row] = await database.rows(
        `insert into watchpost.event (topic, subject_id, tasks, created_at)
         values ('made.up', watchpost.uuidv7(), array[$1], now() - interval '2 minutes') returning id`,
        [task],
      );
      return row.id;
    };
    waiting = await event('detect');
    const [image] = await database.rows(
      `insert into watchpost.image (bytes, received_at) values ('no photo', now() - interval '11 minutes') returning id`,
    );
    imageId = image.id;
    await database.rows(`select set_config('watchpost.actor', 'api:ops', true), watchpost.pause('detect')`);
  });

  const violations = () =>
    database.rows<{ rule: string; subject: string }>(
      `select rule, subject from watchpost.invariant where rule in ('outbox_stuck', 'image_without_end') order by 1, 2`,
    );

  it('has work that waits, and photos, which violate nothing', async () => {
    expect(await violations()).toEqual([]);
  });

  it('is on record with who paused it', async () => {
    expect(await database.rows('select task, paused_by from watchpost.task_pause')).toEqual([
      { task: 'detect', paused_by: 'api:ops' },
    ]);
  });

  it('does not hide what another task leaves waiting, of the same photo too', async () => {
    const [other] = await database.rows(
      `insert into watchpost.event (topic, subject_id, image_id, tasks, created_at)
       values ('made.up', watchpost.uuidv7(), $1, '{embed}', now() - interval '2 minutes') returning id`,
      [imageId],
    );
    expect(await violations()).toEqual([
      { rule: 'image_without_end', subject: imageId },
      { rule: 'outbox_stuck', subject: `${other.id} embed` },
    ]);
    await database.rows(`select watchpost.pause('embed')`);
    expect(await violations()).toEqual([]);
  });

  it('has work that is stuck if nobody does it once the task is resumed', async () => {
    await database.rows(`select watchpost.resume('detect')`);
    expect(await violations()).toEqual([
      { rule: 'image_without_end', subject: imageId },
      { rule: 'outbox_stuck', subject: `${waiting} detect` },
    ]);
  });
});
