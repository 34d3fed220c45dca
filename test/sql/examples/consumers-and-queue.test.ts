import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesIn, openNorthGate, type RunExample } from '../../support/examples.ts';
import { sample } from '../../support/photos.ts';
import { submit } from '../../support/pipeline.ts';
import { until } from '../../support/until.ts';

describe('sql/examples of consumers and the queue', () => {
  let database: TestDatabase;
  let run: RunExample;

  beforeAll(async () => {
    database = await freshDatabase();
    run = examplesIn(database);
    await openNorthGate(database);
  });

  it('queue-now.sql', async () => {
    const workers = [
      { what: 'workers heard of in the last 30 seconds', count: '2', task: expect.stringMatching(/:\d+$/) },
    ];
    expect(await run('queue-now.sql')).toMatchObject(workers);
    await database.rows(`select graphile_worker.add_job('of_nobody')`);
    expect(await run('queue-now.sql')).toMatchObject([
      { what: 'jobs waiting', task: 'of_nobody', count: '1' },
      ...workers,
    ]);
  });

  it('add-a-consumer.sql', async () => {
    const added = [{ topic: 'alert.raised', task: 'notify_guards', enabled: true }];
    expect(await run('add-a-consumer.sql')).toEqual(added);
    expect(await run('add-a-consumer.sql'), 'may be run again').toEqual(added);
    const seen = await submit(database, sample(1), 'north-gate');
    await until(async () => {
      const jobs = await database.rows(
        `select id from graphile_worker.jobs where task_identifier = 'notify_guards'`,
      );
      return jobs.length > 0;
    });
    const [event] = await database.rows(
      `select tasks from watchpost.event where topic = 'alert.raised' and image_id = $1`,
      [seen],
    );
    expect(event.tasks).toEqual(['notify', 'notify_guards']);
  });
});
