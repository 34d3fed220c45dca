import type { TestDatabase } from './database.ts';

/**
 * Rows that no model has made, for tests of what comes after the models. They are real rows: triggers fire, keys hold.
 */

/** An embedder of a name of its own, with vectors of this length. */
export const addModel = async (database: TestDatabase, id: string, dimension: number): Promise<string> => {
  await database.rows('select watchpost.register_model($1, $2, $3, $4, $5)', [
    id,
    'embedder',
    '0'.repeat(64),
    dimension,
    'none',
  ]);
  await database.rows('select watchpost.register_model($1, $2, $3, null, $4)', [
    'no-detector',
    'detector',
    '1'.repeat(64),
    'none',
  ]);
  return id;
};

/** A photo with one face that has this vector; a good view unless given. */
export const addFace = async (
  database: TestDatabase,
  face: {
    model: string;
    vector: readonly number[];
    camera?: string | null;
    capturedAt?: string;
    purpose?: 'probe' | 'reference';
    gate?: string[];
    norm?: number;
  },
): Promise<{ imageId: string; faceId: string; embeddingId: string }> => {
  const [image] = await database.rows(
    `insert into watchpost.image (bytes, camera_id, captured_at, purpose)
     values ('no photo', (select id from watchpost.camera where name = $1 order by removed_at is null desc limit 1), coalesce($2::timestamptz, now()), $3)
     returning id`,
    [face.camera ?? null, face.capturedAt ?? null, face.purpose ?? 'probe'],
  );
  const [made] = await database.rows(
    `insert into watchpost.face
       (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
        height_px, sharpness, yaw, pitch, roll, gate, crop)
     values ($1, 'no-detector', 1, 0, 0, 100, 100, '{}', 1, 100, 500, 0, 0, 0, $2, '')
     returning id`,
    [image.id, face.gate ?? []],
  );
  const [embedding] = await database.rows(
    `insert into watchpost.embedding (face_id, model_id, vector, norm) values ($1, $2, $3, $4) returning id`,
    [made.id, face.model, JSON.stringify(face.vector), face.norm ?? 10],
  );
  return { imageId: image.id, faceId: made.id, embeddingId: embedding.id };
};

/** A person on these lists, known by this vector. */
export const addKnownPerson = async (
  database: TestDatabase,
  person: {
    name: string;
    model: string;
    vector: readonly number[];
    watchlists?: readonly string[];
    /** The id of a site; without it the default. */
    site?: string;
  },
): Promise<{ personId: string; referenceId: string }> => {
  const [made] = await database.rows(
    'insert into watchpost.person (name, site_id) values ($1, coalesce($2, watchpost.default_site())) returning id',
    [person.name, person.site ?? null],
  );
  await database.rows(
    'insert into watchpost.watchlist_entry (watchlist_id, person_id) select unnest($1::uuid[]), $2',
    [person.watchlists ?? [], made.id],
  );
  return { personId: made.id, referenceId: await addReference(database, { ...person, personId: made.id }) };
};

/** One more vector by which a person is known. */
export const addReference = async (
  database: TestDatabase,
  reference: { personId: string; model: string; vector: readonly number[] },
): Promise<string> => {
  const { imageId, embeddingId } = await addFace(database, { ...reference, purpose: 'reference' });
  const [row] = await database.rows(
    `with photo as (
       insert into watchpost.person_photo (person_id, image_id) values ($1, $2) returning id, person_id
     )
     insert into watchpost.reference (person_id, person_photo_id, embedding_id, model_id, vector)
     select p.person_id, p.id, e.id, e.model_id, e.vector
     from photo as p cross join watchpost.embedding as e
     where e.id = $3
     returning id`,
    [reference.personId, imageId, embeddingId],
  );
  return row.id;
};

/** A match of a person in a photo, as the match stage would have written it. */
export const addMatch = async (
  database: TestDatabase,
  match: {
    model: string;
    personId: string;
    watchlistId: string;
    similarity: number;
    camera?: string | null;
    capturedAt: string;
    retroactive?: boolean;
  },
): Promise<string> => {
  const { imageId, faceId, embeddingId } = await addFace(database, { vector: [1, 0, 0, 0], ...match });
  const [row] = await database.rows(
    `with search as (
       insert into watchpost.search
         (embedding_id, face_id, model_id, watchlists, method, outcome, person_id, similarity)
       values ($1, $2, $3, array[$4::uuid], 'exact', 'match', $5, $6)
       returning id
     )
     insert into watchpost.match
       (search_id, image_id, face_id, person_id, watchlist_id, similarity, threshold, retroactive)
     select s.id, $7, $2, $5, $4, $6, 0.45, $8 from search as s
     returning id`,
    [
      embeddingId,
      faceId,
      match.model,
      match.watchlistId,
      match.personId,
      match.similarity,
      imageId,
      match.retroactive ?? false,
    ],
  );
  return row.id;
};

/**
 * Many people at once, each known by several vectors; gives their ids in that order. Of these rows no events are made:
 * thousands of them would wait without a consumer.
 */
export const addKnownPeople = async (
  database: TestDatabase,
  people: { model: string; vectors: readonly (readonly number[])[][] },
): Promise<string[]> => {
  const ids = await database.rows<{ id: string }>(
    `insert into watchpost.person (name) select 'person ' || n from generate_series(1, $1) as n returning id`,
    [people.vectors.length],
  );
  const references = people.vectors.flatMap((vectors, at) =>
    vectors.map((vector) => ({ person: ids[at]?.id, vector: JSON.stringify(vector) })),
  );
  const tables = ['person_photo', 'face', 'embedding', 'reference'];
  for (const table of tables)
    await database.rows(`alter table watchpost.${table} disable trigger ${table}_emit`);
  await database.rows(
    `with given as materialized (
       select
         g.person_id, g.vector::halfvec as vector, watchpost.uuidv7() as image_id, watchpost.uuidv7() as photo_id,
         watchpost.uuidv7() as face_id, watchpost.uuidv7() as embedding_id
       from unnest($1::uuid[], $2::text[]) as g (person_id, vector)
     ),
     image as (
       insert into watchpost.image (id, purpose, bytes) select g.image_id, 'reference', 'no photo' from given as g
     ),
     photo as (
       insert into watchpost.person_photo (id, person_id, image_id)
       select g.photo_id, g.person_id, g.image_id from given as g
     ),
     face as (
       insert into watchpost.face
         (id, image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
          height_px, sharpness, yaw, pitch, roll, crop)
       select g.face_id, g.image_id, 'no-detector', 1, 0, 0, 100, 100, '{}', 1, 100, 500, 0, 0, 0, '' from given as g
     ),
     embedding as (
       insert into watchpost.embedding (id, face_id, model_id, vector, norm)
       select g.embedding_id, g.face_id, $3, g.vector, 10 from given as g
     )
     insert into watchpost.reference (person_id, person_photo_id, embedding_id, model_id, vector)
     select g.person_id, g.photo_id, g.embedding_id, $3, g.vector from given as g`,
    [references.map((one) => one.person), references.map((one) => one.vector), people.model],
  );
  for (const table of tables)
    await database.rows(`alter table watchpost.${table} enable trigger ${table}_emit`);
  return ids.map((row) => row.id);
};

/**
 * Faces of the past, one a photo a second, the first the oldest, all of which were searched and matched nobody; gives
 * their embeddings' ids in that order. Of these rows no events are made.
 */
export const addPastFaces = async (
  database: TestDatabase,
  past: { model: string; vectors: readonly (readonly number[])[]; camera?: string; since: string },
): Promise<string[]> => {
  const tables = ['image', 'face', 'embedding'];
  for (const table of tables)
    await database.rows(`alter table watchpost.${table} disable trigger ${table}_emit`);
  const rows = await database.rows<{ id: string }>(
    `with given as materialized (
       select
         g.vector::halfvec as vector, $3::timestamptz + make_interval(secs => g.place) as at,
         watchpost.uuidv7() as image_id, watchpost.uuidv7() as face_id,
         watchpost.uuidv7_at($3::timestamptz + make_interval(secs => g.place)) as embedding_id
       from unnest($1::text[]) with ordinality as g (vector, place)
     ),
     image as (
       insert into watchpost.image (id, camera_id, captured_at, bytes)
       select g.image_id, (select c.id from watchpost.camera as c where c.name = $4), g.at, 'no photo' from given as g
     ),
     face as (
       insert into watchpost.face
         (id, image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
          height_px, sharpness, yaw, pitch, roll, crop)
       select g.face_id, g.image_id, 'no-detector', 1, 0, 0, 100, 100, '{}', 1, 100, 500, 0, 0, 0, '' from given as g
     ),
     embedding as (
       insert into watchpost.embedding (id, face_id, model_id, vector, norm)
       select g.embedding_id, g.face_id, $2, g.vector, 10 from given as g
     )
     insert into watchpost.search (embedding_id, face_id, model_id, watchlists, method, outcome)
     select g.embedding_id, g.face_id, $2, '{}', 'exact', 'nobody' from given as g
     returning embedding_id as id`,
    [past.vectors.map((vector) => JSON.stringify(vector)), past.model, past.since, past.camera ?? null],
  );
  for (const table of tables)
    await database.rows(`alter table watchpost.${table} enable trigger ${table}_emit`);
  return rows.map((row) => row.id).sort();
};
