import type pg from 'pg';
import { until } from '../support/until.ts';
import { photoOf } from './faces.ts';
import { lists, model, passerBy, passersBy, faces as pastFaces, people } from './million.ts';

/** Rows as the stages before would have written them, with no events; then `last` with its own. One transaction. */
const afterwards = async (
  client: pg.Client,
  before: () => Promise<void>,
  last: () => Promise<void>,
): Promise<void> => {
  await client.query('begin; set local session_replication_role = replica');
  await before();
  await client.query('set local session_replication_role = origin');
  await last();
  await client.query('commit');
};

const one = async (client: pg.Client, text: string, values: unknown[]): Promise<string> => {
  const { rows } = await client.query<{ id: string }>(text, values);
  return rows[0]!.id;
};

const addFace = async (
  client: pg.Client,
  purpose: 'probe' | 'reference',
): Promise<{ image: string; face: string }> => {
  const image = await one(
    client,
    `insert into watchpost.image (purpose, byte_length, sha256) values ($1, 1, sha256('x')) returning id`,
    [purpose],
  );
  const face = await one(
    client,
    `insert into watchpost.face (
       image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score, height_px, sharpness,
       yaw, pitch, roll, crop
     ) values ($1, 'no-detector', 1, 0, 0, 100, 100, '{}', 1, 100, 500, 0, 0, 0, '') returning id`,
    [image],
  );
  return { image, face };
};

const addEmbedding = (client: pg.Client, face: string, vector: Float64Array): Promise<string> =>
  one(
    client,
    `insert into watchpost.embedding (face_id, model_id, vector, norm) values ($1, $2, $3, 10) returning id`,
    [face, model, JSON.stringify(Array.from(vector))],
  );

/**
 * Enrols passer-by n on the list of everybody, by a photo that is not among those of the past. What plain SQL inserts
 * waits for the next claim, 50 ms on average.
 */
export const enrol = async (client: pg.Client, n: number): Promise<string> => {
  let [person, photo, embedding] = ['', '', ''];
  await afterwards(
    client,
    async () => {
      const { image, face } = await addFace(client, 'reference');
      embedding = await addEmbedding(client, face, photoOf(passerBy(n), pastFaces / passersBy));
      person = await one(
        client,
        `insert into watchpost.person (name) values ('Somebody who was seen') returning id`,
        [],
      );
      await client.query(
        `insert into watchpost.watchlist_entry (watchlist_id, person_id)
         select id, $1 from watchpost.watchlist where name = $2`,
        [person, lists.everybody],
      );
      photo = await one(
        client,
        'insert into watchpost.person_photo (person_id, image_id) values ($1, $2) returning id',
        [person, image],
      );
    },
    async () => {
      await client.query(
        `insert into watchpost.reference (person_id, person_photo_id, embedding_id, model_id, vector)
         select $1, $2, e.id, e.model_id, e.vector from watchpost.embedding as e where e.id = $3`,
        [person, photo, embedding],
      );
    },
  );
  return person;
};

/** Waits for the end of a person's search of the past; seconds since the event of the enrolment. */
export const endOf = (
  client: pg.Client,
  person: string,
): Promise<{ seconds: number; searched: number; found: number }> =>
  until(async () => {
    const { rows } = await client.query<{ seconds: number; searched: number; found: number }>(
      `select extract(epoch from b.finished_at - e.created_at)::float8 as seconds, b.searched, b.found
       from watchpost.backfill as b
       join watchpost.reference as r on r.person_id = b.person_id
       join watchpost.event as e on e.subject_id = r.id and e.topic = 'person.enrolled'
       where b.person_id = $1 and b.finished_at is not null`,
      [person],
    );
    return rows[0];
  });

/** So that the next one is against the same million. */
export const forget = async (client: pg.Client, person: string): Promise<void> => {
  await client.query(
    `delete from watchpost.image where id in (select image_id from watchpost.person_photo where person_id = $1)`,
    [person],
  );
  await client.query('delete from watchpost.person where id = $1', [person]);
};

/** Lets strangers be seen at an even pace; milliseconds from each face's vector to its search being written. */
export const sightingsOf = async (
  client: pg.Client,
  { rate, seconds }: { rate: number; seconds: number },
): Promise<number[]> => {
  const embeddings: string[] = [];
  const images: string[] = [];
  const begun = performance.now();
  for (let n = 0; n < rate * seconds; n++) {
    const wait = begun + (n * 1000) / rate - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    const { image, face } = await addFaceQuietly(client);
    images.push(image);
    embeddings.push(await addEmbedding(client, face, photoOf(people + passersBy + n, 1)));
  }
  const times = await until(async () => {
    const { rows } = await client.query<{ ms: number }>(
      `select extract(epoch from s.created_at - e.created_at)::float8 * 1000 as ms
       from watchpost.embedding as e join watchpost.search as s on s.embedding_id = e.id and not s.retroactive
       where e.id = any ($1::uuid[])`,
      [embeddings],
    );
    return rows.length >= embeddings.length && rows.map((row) => row.ms);
  });
  await client.query('delete from watchpost.image where id = any ($1::uuid[])', [images]);
  return times;
};

const addFaceQuietly = async (client: pg.Client): Promise<{ image: string; face: string }> => {
  let added = { image: '', face: '' };
  await afterwards(
    client,
    async () => {
      added = await addFace(client, 'probe');
    },
    async () => {},
  );
  return added;
};
