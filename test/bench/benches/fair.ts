import type pg from 'pg';
import type { Bench, Figures } from '../bench.ts';
import { startWork, submitPhoto, untilHandled } from '../installation.ts';
import { samples } from '../photos.ts';
import type { Server } from '../server.ts';

/** Photos of the camera that floods, in one INSERT, and of the other one, a photo each second. */
const burst = Number(process.env.WATCHPOST_BENCH_BURST ?? 1000);
const others = 15;

/** How long a camera's photo waits while another camera has handed in many at once. */
export const fair: Bench = {
  name: 'fair',
  measures: `ms until a camera's photo is seen, one a second, after another camera's ${burst} in one INSERT`,
  against: 'the same photos of the same camera by themselves',
  async prepare(server) {
    return {
      comparisons: [
        {
          ours: () => waitsAnew(server, burst),
          theirs: () => waitsAnew(server, 0),
          judged: [
            { what: 'p50', unit: 'ms', figure: 'p50', by: 'difference', target: null },
            { what: 'longest', unit: 'ms', figure: 'longest', by: 'difference', target: null },
          ],
        },
      ],
      end: async () => {},
    };
  },
};

const waitsAnew = async (server: Server, flood: number): Promise<Figures> => {
  const url = await server.database('bench_fair', true);
  try {
    return await waits(server, url, flood);
  } finally {
    await server.drop('bench_fair');
  }
};

/**
 * Lets a worker see and search a camera's photos in a database, one a second, and deletes them.
 *
 * @param flood photos that another camera hands in before, in one INSERT.
 * @returns milliseconds from a photo's INSERT until its faces were found, and until the last of them was searched.
 */
export const waits = async (server: Server, url: string, flood: number): Promise<Figures> => {
  const client = await server.client(url);
  const worker = await startWork(url);
  try {
    const { photos } = await samples();
    for (const photo of photos) await submitPhoto(client, photo);
    await untilHandled(client);
    const { rows } = await client.query<{ id: string }>(
      `insert into watchpost.camera (name, location) values ('busy', 'Hall'), ('calm', 'Door') returning id`,
    );
    const [busy, calm] = rows.map(({ id }) => id);
    if (flood > 0) {
      await client.query(
        'insert into watchpost.image (camera_id, bytes) select $1, $2 from generate_series(1, $3::int)',
        [busy, photos[0], flood],
      );
    }
    for (let n = 0; n < others; n++) {
      await client.query('insert into watchpost.image (camera_id, bytes) values ($1, $2)', [
        calm,
        photos[n % photos.length],
      ]);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    return await seenAfter(client, calm!);
  } finally {
    await worker.stop();
    await client.query(`
      delete from watchpost.outbox where task = 'detect' and topic = 'image.received';
      delete from watchpost.image as i using watchpost.camera as c
      where c.id = i.camera_id and c.name in ('busy', 'calm');
      delete from watchpost.camera where name in ('busy', 'calm');
    `);
    await client.end();
  }
};

/** How long the photos of a camera have waited until their faces were found, and searched, once all are. */
const seenAfter = async (client: pg.Client, camera: string): Promise<Figures> => {
  for (;;) {
    const { rows } = await client.query<{ done: number; p50: number; longest: number; searched: number }>(
      `with photo as (
         select
           e.created_at,
           (select h.created_at from watchpost.handling as h
            where h.event_id = e.id and h.task = 'detect' and h.outcome = 'done') as seen_at,
           (select max(h.created_at)
            from watchpost.event as f
            join watchpost.handling as h on h.event_id = f.id and h.task = 'match' and h.outcome = 'done'
            where f.image_id = i.id and f.topic = 'face.embedded') as searched_at
         from watchpost.image as i
         join watchpost.event as e on e.image_id = i.id and e.topic = 'image.received'
         where i.camera_id = $1
       )
       select
         count(p.searched_at)::int as done,
         percentile_cont(0.5) within group (order by extract(epoch from p.seen_at - p.created_at) * 1000) as p50,
         max(extract(epoch from p.seen_at - p.created_at) * 1000)::float8 as longest,
         percentile_cont(0.5) within group (order by extract(epoch from p.searched_at - p.created_at) * 1000) as searched
       from photo as p`,
      [camera],
    );
    const { done, ...figures } = rows[0]!;
    if (done === others) return figures;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
