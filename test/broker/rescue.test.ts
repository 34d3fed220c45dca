import { beforeAll, describe, expect, it } from 'vitest';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { holdPhotos, untilClaimed } from '../support/held.ts';
import type { NodeProcess } from '../support/node-process.ts';
import { sample } from '../support/photos.ts';
import { submit, untilFinal } from '../support/pipeline.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

const eventsOf = (database: TestDatabase, topic: string) =>
  database.rows('select payload from watchpost.event where topic = $1 order by id', [topic]);

/** Handlings of a photo by task and outcome, and its faces: each must exist once. */
const workOn = async (database: TestDatabase, imageId: string) => {
  const [row] = await database.rows(
    `select
       (select count(*)::int from watchpost.face where image_id = $1) as faces,
       (
         select coalesce(max(n), 0)::int
         from (
           select count(*) as n
           from watchpost.handling as h join watchpost.event as e on e.id = h.event_id
           where e.image_id = $1 and h.outcome = 'done' group by h.event_id, h.task
         ) as c
       ) as most_handlings`,
    [imageId],
  );
  return row;
};

// Each test starts several processes, which takes a second of CPU each, and waits until one counts as dead.
const patience = 180_000;

describe.skipIf(!onServer)(`claims of dead workers ${onServer ? '' : needsServer}`, () => {
  it(
    'is done by others when a worker is killed, and the loss is on record',
    async () => {
      const database = await freshDatabase();
      const held = await holdPhotos(database);
      const doomed = await startWorkerProcess(database.url);
      const id = await submit(database, sample(1));
      const claim = await untilClaimed(database);
      doomed.child.kill('SIGKILL');
      await held.release();
      const [row] = await database.rows('select id from watchpost.worker where pid = $1', [doomed.pid]);
      expect(row.id).toBe(claim.worker_id);

      await startWorkerProcess(database.url);
      expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3 });
      const lost = await eventsOf(database, 'worker.lost');
      expect(lost.map((event) => event.payload)).toEqual([
        expect.objectContaining({ pid: doomed.pid, claims: 1, jobs: 0 }),
      ]);
      expect(await workOn(database, id)).toEqual({ faces: 3, most_handlings: 1 });
    },
    patience,
  );

  it(
    'is not done twice by a worker that was suspended and continues',
    async () => {
      const database = await freshDatabase();
      const held = await holdPhotos(database);
      const slow = await startWorkerProcess(database.url);
      const id = await submit(database, sample(1));
      await untilClaimed(database);
      slow.child.kill('SIGSTOP');
      await held.release();
      await startWorkerProcess(database.url);
      expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3 });
      expect((await eventsOf(database, 'worker.lost')).length).toBeGreaterThan(0);

      slow.child.kill('SIGCONT');
      await until(async () => (await eventsOf(database, 'worker.returned')).length > 0);
      // It works again: the other worker could not do both of these at once.
      const more = [await submit(database, sample(2)), await submit(database, sample(4))];
      for (const one of more) expect(await untilFinal(database, one)).toMatchObject({ state: 'done' });
      expect(await workOn(database, id)).toEqual({ faces: 3, most_handlings: 1 });
      expect(await eventsOf(database, 'image.received')).toHaveLength(3);
      expect(slow.child.exitCode).toBeNull();
    },
    patience,
  );

  it(
    'is handed back by the worker itself if the answer to its claim never came, and uses up no attempt',
    async () => {
      const database = await freshDatabase();
      const process = await startWorkerProcess(database.url);
      await database.rows(`select watchpost.pause('detect')`);
      const id = await submit(database, sample(1));
      const [worker] = await database.rows('select id from watchpost.worker where pid = $1', [process.pid]);
      // As if the connection had broken between the claim and its answer.
      await database.rows(`select watchpost.claim($1, '{detect}', 1)`, [worker.id]);
      expect(await database.rows('select from watchpost.claim'), 'of a paused task').toEqual([]);
      const client = await connectClient(database);
      await client.query('begin');
      await client.query(`select watchpost.resume('detect')`);
      await client.query(`select watchpost.claim($1, '{detect}', 1)`, [worker.id]);
      await client.query('commit');
      expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3 });
      const attempts = await database.rows(`select attempt from watchpost.handling where task = 'detect'`);
      expect(attempts).toEqual([{ attempt: 1 }]);
      expect(await eventsOf(database, 'worker.lost')).toEqual([]);
    },
    patience,
  );
});

describe.skipIf(!onServer)(`a photo that kills every worker ${onServer ? '' : needsServer}`, () => {
  it(
    'becomes a dead letter after its attempts, and is done after a replay',
    async () => {
      const database = await freshDatabase();
      await database.rows(`update watchpost.subscription set max_attempts = 2 where task = 'detect'`);
      const held = await holdPhotos(database);
      const id = await submit(database, sample(1));
      for (const attempt of [1, 2]) {
        const worker = await startWorkerProcess(database.url);
        const claim = await untilClaimed(database);
        expect(claim.attempts).toBe(attempt);
        worker.child.kill('SIGKILL');
        await until(async () => {
          const [row] = await database.rows(`select watchpost.rescue('3 seconds') as released`);
          return row.released === 1;
        });
      }
      await held.release();
      const letters = await database.rows(
        'select id, task, code, attempts, image_id from watchpost.dead_letter',
      );
      expect(letters).toEqual([
        { id: expect.any(String), task: 'detect', code: 'worker_lost', attempts: 2, image_id: id },
      ]);
      expect(await untilFinal(database, id)).toMatchObject({ state: 'failed', code: 'worker_lost' });
      expect(await database.rows('select from watchpost.claim')).toEqual([]);

      const replay = () => database.rows('select watchpost.replay($1) as put_back', [letters[0].id]);
      expect(await replay()).toEqual([{ put_back: true }]);
      expect(await replay()).toEqual([{ put_back: false }]);
      await startWorkerProcess(database.url);
      expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3 });
      expect(await database.rows('select from watchpost.dead_letter')).toEqual([]);
      expect(await replay()).toEqual([{ put_back: false }]);
    },
    patience,
  );
});

describe.skipIf(!onServer)(`a fleet of two workers ${onServer ? '' : needsServer}`, () => {
  let database: TestDatabase;
  let workers: NodeProcess[];
  beforeAll(async () => {
    database = await freshDatabase();
    workers = await Promise.all([startWorkerProcess(database.url), startWorkerProcess(database.url)]);
  }, patience);

  it(
    'leaves a paused task alone, and does everything when it is resumed',
    async () => {
      await database.rows(`select watchpost.pause('embed')`);
      // What pause promises: within a second.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      const ids = [];
      for (const number of [1, 2, 3, 4] as const) ids.push(await submit(database, sample(number)));
      const handled = async (task: string) => {
        const rows = await database.rows('select from watchpost.handling where task = $1', [task]);
        return rows.length;
      };
      await until(async () => (await handled('detect')) === 4);
      // A task with later events has run meanwhile, so the events of the paused task were passed over.
      const last = await submit(database, sample(5));
      await until(async () => (await handled('detect')) === 5);
      expect(await handled('embed')).toBe(0);

      await database.rows(`select watchpost.resume('embed')`);
      for (const id of [...ids, last])
        expect(await untilFinal(database, id)).toMatchObject({ state: 'done' });
    },
    patience,
  );

  it(
    'finds what is to be tried again also when its LISTEN connections are gone',
    async () => {
      const listening = `datname = current_database() and query like 'LISTEN%'`;
      await until(async () => {
        const rows = await database.rows(`select from pg_stat_activity where ${listening}`);
        return rows.length === 2;
      });
      await database.rows(`select pg_terminate_backend(pid) from pg_stat_activity where ${listening}`);
      // Delivered as a job, as every second attempt is.
      await database.rows(
        `update watchpost.subscription set delivery = 'job' where topic = 'image.received'`,
      );
      const id = await submit(database, sample(1));
      expect(await untilFinal(database, id)).toMatchObject({ state: 'done', faces: 3 });
      for (const worker of workers) expect(worker.child.exitCode).toBeNull();
    },
    patience,
  );
});
