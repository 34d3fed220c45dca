import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { startNode } from '../support/processes.ts';
import { until } from '../support/until.ts';

describe('two worker processes', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  it('share 200 submissions, handle each event once, and stop cleanly', async () => {
    const workers = [1, 2].map(() =>
      startNode(['src/main.ts', 'work'], { DATABASE_URL: database.url, WATCHPOST_CONCURRENCY: '1' }),
    );
    await Promise.all(workers.map((worker) => worker.says(/is at work/)));

    // The right third of sample 1, made small: one face, and the decoding takes a few milliseconds.
    const { width = 0, height = 0 } = await sharp(sample(1)).metadata();
    const left = Math.round(width * 0.62);
    const photo = await sharp(sample(1))
      .extract({ left, top: 0, width: width - left, height })
      .resize({ width: 240 })
      .jpeg()
      .toBuffer();
    await database.rows('insert into watchpost.image (bytes) select $1 from generate_series(1, 200)', [
      photo,
    ]);

    await until(async () => {
      const [row] = await database.rows(`
        select
          (select sum(cardinality(tasks))::int from watchpost.event) as owed,
          (select count(distinct (event_id, task))::int from watchpost.handling where outcome <> 'retry') as handled
      `);
      return row.handled === row.owed;
    }, 100);
    const ended = await database.rows(
      `select state, faces, count(*)::int as images from watchpost.image_status group by 1, 2`,
    );
    expect(ended).toEqual([{ state: 'done', faces: 1, images: 200 }]);

    const handled = await database.rows(`
      select task, count(*)::int as handlings, count(distinct event_id)::int as events, min(outcome) as outcome
      from watchpost.handling group by task, outcome order by task
    `);
    expect(handled).toEqual(
      ['detect', 'embed', 'match'].map((task) => ({ task, handlings: 200, events: 200, outcome: 'done' })),
    );
    const [rows] = await database.rows(`
      select (select count(*)::int from watchpost.face) as faces,
             (select count(*)::int from watchpost.embedding) as embeddings,
             (select count(*)::int from watchpost.search) as searches,
             (select count(*)::int from watchpost.outbox) as waiting
    `);
    expect(rows).toEqual({ faces: 200, embeddings: 200, searches: 200, waiting: 0 });

    const shares = await database.rows(`
      select w.pid, count(*)::int as photos
      from watchpost.handling as h
      join watchpost.worker as w on w.id = h.worker_id
      where h.task = 'detect' group by w.pid
    `);
    expect(shares.map((share) => share.pid).sort()).toEqual(workers.map((worker) => worker.child.pid).sort());
    expect(Math.min(...shares.map((share) => share.photos))).toBeGreaterThan(20);

    for (const worker of workers) worker.child.kill('SIGTERM');
    expect(await Promise.all(workers.map((worker) => worker.ended))).toEqual([0, 0]);
    expect(await database.rows('select pid from watchpost.worker where stopped_at is null')).toEqual([]);
  }, 180_000);
});
