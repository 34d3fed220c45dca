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
          ours: () => waits(server, burst),
          theirs: () => waits(server, 0),
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

const waits = async (server: Server, flood: number): Promise<Figures> => {
  const url = await server.database('bench_fair', true);
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
    await client.end();
    await server.drop('bench_fair');
  }
};

/** How long the photos of a camera have waited until their faces were found, once all are seen. */
const seenAfter = async (client: pg.Client, camera: string): Promise<Figures> => {
  for (;;) {
    const { rows } = await client.query<{ seen: number; p50: number; longest: number }>(
      `select
         count(h.event_id)::int as seen,
         percentile_cont(0.5) within group (order by extract(epoch from h.created_at - e.created_at) * 1000) as p50,
         max(extract(epoch from h.created_at - e.created_at) * 1000)::float8 as longest
       from watchpost.image as i
       join watchpost.event as e on e.image_id = i.id and e.topic = 'image.received'
       left join watchpost.handling as h on h.event_id = e.id and h.task = 'detect' and h.outcome = 'done'
       where i.camera_id = $1`,
      [camera],
    );
    const [{ seen, p50, longest }] = rows as [{ seen: number; p50: number; longest: number }];
    if (seen === others) return { p50, longest };
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
};
