import { mobilefacenet } from '../../../models/manifest.ts';
import { openDatabase } from '../../../src/database/pool.ts';
import { openLog } from '../../../src/log.ts';
import { findNearest } from '../../../src/watchlist/nearest.ts';
import type { Figures } from '../bench.ts';
import { dimension, photoOf } from '../faces.ts';
import type { Server } from '../server.ts';
import { contents } from './rows.ts';

/** Batches that are searched, of four faces each. */
const batches = 40;

/** A database of the day it was made: 20 people on a list, and no photos. */
export const openFresh = async (server: Server): Promise<string> => {
  const name = 'bench_fresh';
  await server.drop(name).catch(() => {});
  const url = await server.database(name, true);
  const client = await server.client(url);
  await client.query(`select watchpost.register_model($1, 'embedder', $2, ${dimension}, $3, $4)`, [
    mobilefacenet.id,
    mobilefacenet.sha256,
    mobilefacenet.licence,
    JSON.stringify(mobilefacenet.embedder.thresholds),
  ]);
  await client.query(`
    select watchpost.register_model('no-detector', 'detector', '${'0'.repeat(64)}', null, 'none');
    insert into watchpost.watchlist (name, threshold) values ('everybody', 0.6);
  `);
  await client.query('set session_replication_role = replica');
  for (let n = 0; n < 20; n++) {
    await client.query(
      `with person as (insert into watchpost.person (name) values ('Person ' || $1::int) returning id),
            entry as (insert into watchpost.watchlist_entry (watchlist_id, person_id)
                      select w.id, p.id from watchpost.watchlist as w cross join person as p),
            reference as (insert into watchpost.reference (person_id, person_photo_id, embedding_id, model_id, vector)
                          select p.id, gen_random_uuid(), gen_random_uuid(), $2, $3::halfvec from person as p)
       insert into watchpost.person_vector (person_id, model_id, vector, reference_count)
       select p.id, $2, watchpost.vector_of_person($3::halfvec, 1), 1 from person as p`,
      [n, mobilefacenet.id, JSON.stringify(Array.from(photoOf(n, 0)))],
    );
  }
  await client.query('vacuum analyze');
  await client.end();
  return url;
};

/**
 * Writes faces to search, in fours: every second one is of somebody enrolled, in a photo that is not among the others. The
 * faces of the last time are deleted.
 */
export const fourFaces = async (server: Server, url: string): Promise<string[][]> => {
  const client = await server.client(url);
  await client.query(`
    set session_replication_role = replica;
    delete from watchpost.embedding where norm = 7;
    delete from watchpost.face where score = 0.123::real;
    delete from watchpost.image where sha256 = '\\x07';
  `);
  const ids: string[] = [];
  for (let n = 0; n < 4 * batches; n++) {
    const vector = photoOf(n % 2 ? (n * 37) % 20_000 : contents.people + contents.passersBy + n, 90);
    const { rows } = await client.query<{ id: string }>(
      `with image as (
         insert into watchpost.image (byte_length, sha256) values (1, '\\x07') returning id
       ), face as (
         insert into watchpost.face (
           image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score, height_px, sharpness,
           yaw, pitch, roll, crop
         )
         select id, 'no-detector', 1, 0, 0, 100, 100, '{}', 0.123, 100, 500, 0, 0, 0, '' from image
         returning id
       )
       insert into watchpost.embedding (face_id, model_id, vector, norm)
       select f.id, $1, $2, 7 from face as f returning id`,
      [mobilefacenet.id, JSON.stringify(Array.from(vector))],
    );
    ids.push(rows[0]!.id);
  }
  await client.end();
  return Array.from({ length: batches }, (_, n) => ids.slice(4 * n, 4 * n + 4));
};

/** Milliseconds of the search of each batch, in one session that has searched before. */
export const askFour = async (url: string, asked: readonly string[][]): Promise<Figures> => {
  const database = openDatabase(url, { log: openLog('silent'), max: 1 });
  const times: number[] = [];
  for (const warm of [true, false]) {
    for (const ids of asked) {
      const begun = performance.now();
      await findNearest(database.db, ids);
      if (!warm) times.push(performance.now() - begun);
    }
  }
  await database.close();
  times.sort((a, b) => a - b);
  return { p50: times[times.length >> 1]!, p95: times[Math.floor(times.length * 0.95)]! };
};

/** Of the nearest five people of each face, as an exact search finds them, the share that the product's own finds. */
export const recallOf = async (url: string, asked: readonly string[][]): Promise<number> => {
  const database = openDatabase(url, { log: openLog('silent'), max: 1 });
  let [found, wanted] = [0, 0];
  for (const ids of asked) {
    const exact = await findNearest(database.db, ids, { exactUpTo: 1_000_000_000 });
    for (const [id, nearest] of await findNearest(database.db, ids)) {
      const right = exact.get(id)!.candidates.map((one) => one.person_id);
      wanted += right.length;
      found += nearest.candidates.filter((one) => right.includes(one.person_id)).length;
    }
  }
  await database.close();
  return found / wanted;
};

/** Milliseconds of a claim that finds nothing, and of one that finds a photo, p50 of 200, as a worker makes them. */
export const timesOfClaims = async (server: Server, url: string): Promise<Figures> => {
  const client = await server.client(url);
  const { rows } = await client.query<{ id: string }>(
    `insert into watchpost.worker (host, pid, version, concurrency, tasks)
     values ('bench', 1, 'bench', 4, '{detect,embed,match,alert,notify,enrol,backfill}') returning id`,
  );
  const worker = rows[0]!.id;
  const claim = () =>
    client.query({
      name: 'claim',
      text: `select * from watchpost.claim($1, '{detect,embed,match,alert,notify,enrol,backfill}', 4)`,
      values: [worker],
    });
  const timed = async (before: () => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let n = 0; n < 200; n++) {
      await before();
      const begun = performance.now();
      await claim();
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b)[100]!;
  };
  try {
    const idle = await timed(async () => {});
    const one = await timed(() =>
      client.query(
        `insert into watchpost.outbox (task, topic, source, event_id, payload)
         values ('detect', 'image.received', 'bench', gen_random_uuid(), '{}')`,
      ),
    );
    return { idle, one };
  } finally {
    await client.query('delete from watchpost.claim where worker_id = $1', [worker]);
    await client.query('delete from watchpost.worker where id = $1', [worker]);
    await client.end();
  }
};
