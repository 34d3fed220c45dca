import { sql } from 'kysely';
import type pg from 'pg';
import { openDatabase } from '../../../src/database/pool.ts';
import { openLog } from '../../../src/log.ts';
import { deletePhotos } from '../../../src/watchlist/deleting.ts';
import type { Figures } from '../bench.ts';
import { startWork, submitPhoto, untilHandled } from '../installation.ts';
import { samples } from '../photos.ts';
import type { Server } from '../server.ts';

/** Photos that are deleted, and seconds of live photos without a deletion. */
const [deleted, seconds] = [100_000, 60];

/**
 * How long a camera's photos take, one a second, while 100,000 others are deleted as `image remove` does, or while nothing
 * else happens.
 *
 * @returns milliseconds from a photo's INSERT until its last face was searched, and the seconds of the deletion.
 */
export const liveWhile = async (server: Server, url: string, deleting: boolean): Promise<Figures> => {
  const client = await server.client(url);
  const worker = await startWork(url);
  try {
    const { photos } = await samples();
    for (const photo of photos) await submitPhoto(client, photo);
    await untilHandled(client);
    const { rows } = await client.query<{ id: string }>(
      `insert into watchpost.camera (name, location) values ('live ' || gen_random_uuid(), 'Door') returning id`,
    );
    const camera = rows[0]!.id;
    const begun = performance.now();
    let done = false;
    const work = (deleting ? deleteOldest(url) : new Promise((go) => setTimeout(go, seconds * 1000))).finally(
      () => {
        done = true;
      },
    );
    for (let n = 0; !done; n++) {
      await client.query('insert into watchpost.image (camera_id, bytes) values ($1, $2)', [
        camera,
        photos[n % photos.length],
      ]);
      await new Promise((go) => setTimeout(go, 1000));
    }
    await work;
    const took = (performance.now() - begun) / 1000;
    await untilHandled(client);
    return { ...(await searchedAfter(client, camera)), took };
  } finally {
    await worker.stop();
    await client.end();
  }
};

const deleteOldest = async (url: string): Promise<void> => {
  const database = openDatabase(url, { log: openLog('silent'), max: 1 });
  const { rows } = await sql<{ until: Date }>`
    select i.captured_at as until from watchpost.image as i order by i.captured_at offset ${deleted} limit 1
  `.execute(database.db);
  await deletePhotos((run) => database.db.transaction().execute(run), {
    until: rows[0]!.until.toISOString(),
  });
  await database.close();
};

const searchedAfter = async (client: pg.Client, camera: string): Promise<Figures> => {
  const { rows } = await client.query<{ p50: number; p95: number; longest: number }>(
    `with photo as (
       select
         extract(epoch from max(h.created_at) - min(e.created_at))::float8 * 1000 as ms
       from watchpost.image as i
       join watchpost.event as e on e.image_id = i.id and e.topic = 'image.received'
       join watchpost.event as f on f.image_id = i.id and f.topic = 'face.embedded'
       join watchpost.handling as h on h.event_id = f.id and h.task = 'match' and h.outcome = 'done'
       where i.camera_id = $1
       group by i.id
     )
     select
       percentile_cont(0.5) within group (order by ms) as p50,
       percentile_cont(0.95) within group (order by ms) as p95,
       max(ms) as longest
     from photo`,
    [camera],
  );
  return rows[0]!;
};
