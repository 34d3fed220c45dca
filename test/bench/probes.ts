import type pg from 'pg';
import { copyVectors } from './copy.ts';
import { photoOf } from './faces.ts';
import { keys, lists, type Million, model, passersBy, people, photosOfEach } from './million.ts';

/** Other views of people who are enrolled, and after them strangers. */
const views = 160;
const strangers = 40;
export const probes = views + strangers;

/** A probe with what comparing all people gives: the ten nearest of each list, by the mean of their references. */
export interface Probe {
  readonly id: string;
  readonly vector: string;
  readonly everybody: readonly string[];
  readonly tenth: readonly string[];
}

const vectorOf = (n: number) =>
  n < views ? photoOf((n * 1543) % people, photosOfEach) : photoOf(people + passersBy + n, 0);

/** Writes probes and compares them with 250,000 people each: a minute, once for a database that is kept. */
export const readProbes = async ({ server, url }: Million): Promise<Probe[]> => {
  const client = await server.client(url);
  const { rows: known } = await client.query(`select from pg_tables where tablename = 'probe'`);
  if (known.length === 0) await writeProbes(client);
  const { rows } = await client.query<Probe>(
    `select e.id, e.vector::text as vector, p.everybody, p.tenth
     from probe as p join watchpost.embedding as e on e.id = key_of(${keys.embedding}, -1 - p.n) order by p.n`,
  );
  await client.end();
  return rows;
};

// Before all that was seen, so that they stand at the end of the search of the past.
const writeProbes = async (client: pg.Client): Promise<void> => {
  await client.query('drop table if exists asked; create unlogged table asked (n integer, vector halfvec)');
  await copyVectors(client, 'asked', probes, vectorOf);
  // Not by the index, which is what is to be judged.
  await client.query(`
    set enable_indexscan = off;
    set session_replication_role = replica;
    insert into watchpost.image (id, captured_at, byte_length, sha256)
    select key_of(${keys.image}, -1 - n), '2026-01-01Z', 1, sha256('x') from asked;
    insert into watchpost.face (
      id, image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score, height_px, sharpness,
      yaw, pitch, roll, crop
    )
    select
      key_of(${keys.face}, -1 - n), key_of(${keys.image}, -1 - n), 'no-detector', 1, 0, 0, 100, 100, '{}', 1, 100, 500,
      0, 0, 0, ''
    from asked;
    insert into watchpost.embedding (id, face_id, model_id, vector, norm)
    select key_of(${keys.embedding}, -1 - n), key_of(${keys.face}, -1 - n), '${model}', vector, 10 from asked;
    set session_replication_role = origin;

    create table probe as
    select
      a.n,
      (array_agg(t.person_id order by t.distance) filter (where t.list = '${lists.everybody}'))[1:10] as everybody,
      (array_agg(t.person_id order by t.distance) filter (where t.list = '${lists.tenth}'))[1:10] as tenth
    from asked as a
    cross join lateral (
      select v.person_id, w.name as list, v.distance
      from (
        -- As many as hold ten of every tenth person for sure.
        select p.person_id, -watchpost.similarity(a.vector, p.vector) as distance
        from watchpost.person_vector as p
        where p.model_id = '${model}'
        order by p.vector <#> (a.vector || '[1,0]'::halfvec)
        limit 1000
      ) as v
      join watchpost.watchlist_entry as e on e.person_id = v.person_id
      join watchpost.watchlist as w on w.id = e.watchlist_id
    ) as t
    group by a.n;
    drop table asked;
  `);
};
