import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mobilefacenet } from '../../models/manifest.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import type { Options } from './bench.ts';
import { copyVectors } from './copy.ts';
import { dimension, photoOf } from './faces.ts';
import type { Server } from './server.ts';

/** What is in the database; another version or size is made anew. */
const contents = { version: 3, people: 250_000, photosOfEach: 4, faces: 1_000_000, passersBy: 200_000 };
export const { people, photosOfEach, faces, passersBy } = contents;
export const model = mobilefacenet.id;

/** The lists: everybody who is enrolled, and every tenth of them. Both are there, and neither is enabled. */
export const lists = { everybody: 'everybody', tenth: 'every tenth' };

/** Passers-by of the past, who are enrolled nowhere, are numbered on from those who are. */
export const passerBy = (n: number): number => people + (n % passersBy);

/** The key of row n of a table: what was seen once a second, from the beginning of 2026 on. */
export const keys = { person: 1, reference: 2, image: 3, face: 4, embedding: 5, event: 6 };

/** A server with a million references and a million past faces. */
export interface Million {
  readonly server: Server;
  readonly url: string;
  end(): Promise<void>;
}

/**
 * Opens it; what takes long is done once if a folder is given in which it is kept.
 *
 * Written as its tables say, with triggers off: no photos, and of the references nothing but themselves, their people and
 * these people's vectors, since a search reads no more. A past face has all that a search of the past reads: photo, face,
 * vector, event, handling and search.
 */
export const openMillion = async (server: Server, { keep }: Options): Promise<Million> => {
  const marker = keep && join(keep, 'million.json');
  const wanted = JSON.stringify(contents);
  if (keep && marker && (await readFile(marker, 'utf8').catch(() => '')) !== wanted) {
    if (existsSync(marker)) await rm(keep, { recursive: true });
    await mkdir(keep, { recursive: true });
  }
  const made = !(marker && existsSync(marker));
  const own = await server.another({
    keep,
    settings: ['shared_buffers=6GB', 'maintenance_work_mem=4GB', 'max_parallel_maintenance_workers=0'],
  });
  try {
    const url = made ? await own.database('million', true) : own.urlOf('million');
    if (made) {
      await fill(own, url);
      if (marker) await writeFile(marker, wanted);
    }
    const log = openLog('silent');
    const database = openDatabase(url, { log });
    await migrate(database.pool, log);
    await database.close();
    process.stderr.write(`  huge pages: ${own.hugePages ? 'on' : 'off'}\n`);
    await warm(own, url);
    return { server: own, url, end: () => own.end() };
  } catch (error) {
    await own.end();
    throw error;
  }
};

/** Reads all that the benches read into memory: by the key, as a scan of a whole large table leaves nothing there. */
const warm = async (server: Server, url: string): Promise<void> => {
  const client = await server.client(url);
  await client.query('set enable_seqscan = off; set enable_bitmapscan = off; set enable_sort = off');
  for (const [table, column] of [
    ['embedding', 'norm'],
    ['face', 'score'],
    ['image', 'purpose'],
  ])
    await client.query(
      `select count(*) from (select ${column} as x from watchpost.${table} order by id offset 0) as t where x is null`,
    );
  // An HNSW index has no order to be read in: searches all over it.
  await client.query(`set hnsw.ef_search = 1000`);
  for (let n = 0; n < 300; n++)
    await client.query(
      `select person_id from watchpost.person_vector where model_id = $1
       order by vector::halfvec(${dimension + 2}) <-> ($2::halfvec || '[1,0]')::halfvec(${dimension + 2}) limit 1`,
      [model, JSON.stringify(Array.from(photoOf(n * 811, 9)))],
    );
  await client.end();
};

const fill = async (server: Server, url: string): Promise<void> => {
  const client = await server.client(url);
  const step = async (what: string, work: () => Promise<unknown>) => {
    const begun = performance.now();
    await work();
    process.stderr.write(`  ${what}: ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
  };
  await client.query(`
    select watchpost.register_model('${model}', 'embedder', '${mobilefacenet.sha256}', ${dimension}, '${mobilefacenet.licence}');
    select watchpost.register_model('no-detector', 'detector', '${'0'.repeat(64)}', null, 'none');
    insert into watchpost.watchlist (name, threshold, enabled) values
      ('${lists.everybody}', 0.6, false), ('${lists.tenth}', 0.6, false);
    -- Kept for another day with --keep.
    update watchpost.retention set action = 'keep' where relation in ('image', 'face');
    set session_replication_role = replica;
    create function key_of(kind integer, n bigint) returns uuid immutable parallel safe language sql return (
      encode(int8send((1767225600000 + n * 1000 << 16) | 28672 | kind), 'hex')
      || encode(int8send((-9223372036854775808)::bigint | n), 'hex')
    )::uuid;
    create unlogged table enrolled (n integer, vector halfvec);
    create unlogged table seen (n integer, vector halfvec);
  `);
  await step(`${people * photosOfEach} references made`, () =>
    copyVectors(client, 'enrolled', people * photosOfEach, (n) =>
      photoOf(Math.floor(n / photosOfEach), n % photosOfEach),
    ),
  );
  await step('references written', () => client.query(referencesOf));
  await step(`${faces} past faces made`, () =>
    copyVectors(client, 'seen', faces, (n) => photoOf(passerBy(n), Math.floor(n / passersBy))),
  );
  await step('past faces written', () => client.query(pastOf));
  await client.query('drop table enrolled, seen');
  await step('index built', () => client.query('select watchpost.index_people($1)', [model]));
  await step('vacuumed', () => client.query('vacuum (freeze, analyze)'));
  await client.query('checkpoint');
  await client.end();
};

const referencesOf = `
  insert into watchpost.person (id, name)
  select key_of(${keys.person}, n), 'Person ' || n from generate_series(0, ${people - 1}) as n;

  insert into watchpost.watchlist_entry (watchlist_id, person_id)
  select w.id, key_of(${keys.person}, n)
  from generate_series(0, ${people - 1}) as n
  join watchpost.watchlist as w on w.name = '${lists.everybody}' or (w.name = '${lists.tenth}' and n % 10 = 0);

  insert into watchpost.reference (id, person_id, person_photo_id, embedding_id, model_id, vector)
  select
    key_of(${keys.reference}, n), key_of(${keys.person}, n / ${photosOfEach}), gen_random_uuid(), gen_random_uuid(),
    '${model}', vector
  from enrolled;

  insert into watchpost.person_vector (person_id, model_id, vector, reference_count)
  select person_id, model_id, watchpost.vector_of_person(avg(vector), count(*)::integer), count(*)
  from watchpost.reference group by person_id, model_id;
`;

const pastOf = `
  insert into watchpost.image (id, captured_at, byte_length, sha256, format, width, height)
  select key_of(${keys.image}, n), '2026-01-01Z'::timestamptz + n * interval '1 s', 1, sha256('x'), 'jpeg', 640, 480
  from seen;

  insert into watchpost.face (
    id, image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score, height_px, sharpness,
    yaw, pitch, roll, crop
  )
  select
    key_of(${keys.face}, n), key_of(${keys.image}, n), 'no-detector', 1, 0, 0, 100, 100, array_fill(1::real, '{10}'), 1,
    100, 500, 0, 0, 0, ''
  from seen;

  insert into watchpost.embedding (id, face_id, model_id, vector, norm)
  select key_of(${keys.embedding}, n), key_of(${keys.face}, n), '${model}', vector, 10 from seen;

  insert into watchpost.event (id, topic, subject_id, image_id, payload, tasks)
  select
    key_of(${keys.event}, n), 'face.embedded', key_of(${keys.embedding}, n), key_of(${keys.image}, n),
    jsonb_build_object('embedding_id', key_of(${keys.embedding}, n)), '{match}'
  from seen;

  insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
  select key_of(${keys.event}, n), 'match', 'done', 1, '2026-01-01Z', 1 from seen;

  insert into watchpost.search (embedding_id, face_id, model_id, watchlists, watchlist_versions, method, outcome)
  select key_of(${keys.embedding}, n), key_of(${keys.face}, n), '${model}', '{}', '{}', 'exact', 'nobody' from seen;
`;
