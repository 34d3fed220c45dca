import type { TestDatabase } from './database.ts';

/**
 * All that was found in an image, without ids, times, the submitter and the place: equal for equal photos, however
 * they were submitted and by whichever worker they were processed. Figures of the embedder are rounded, as they depend
 * on the batch.
 */
export const factsOf = async (database: TestDatabase, imageId: string) => {
  const image = await database.rows(
    `select purpose, byte_length, encode(sha256, 'hex') as sha256, format, width, height,
            encode(sha256(bytes), 'hex') as stored
     from watchpost.image where id = $1`,
    [imageId],
  );
  const faces = await database.rows(
    `select f.ordinal, f.detector_id, f.box_x, f.box_y, f.box_width, f.box_height, f.points, f.score, f.height_px,
            f.sharpness, f.yaw, f.pitch, f.roll, f.gate, encode(f.crop, 'hex') as crop,
            e.model_id, round(e.norm::numeric, 2) as norm,
            s.outcome, s.method, s.gate as search_gate, round(s.similarity::numeric, 3) as similarity, s.person_id
     from watchpost.face f
     join watchpost.embedding e on e.face_id = f.id
     left join watchpost.search s on s.embedding_id = e.id
     where f.image_id = $1 order by f.ordinal`,
    [imageId],
  );
  const sightings = await database.rows(
    `select f.ordinal, s.person, s.watchlist, round(s.similarity::numeric, 3) as similarity, s.threshold, a.severity
     from watchpost.sighting s
     join watchpost.face f on f.id = s.face_id
     left join watchpost.alert a on a.id = s.alert_id
     where s.image_id = $1 order by f.ordinal`,
    [imageId],
  );
  const events = await database.rows(
    `select topic, tasks, count(*)::int as n from watchpost.event where image_id = $1 group by 1, 2 order by 1`,
    [imageId],
  );
  const done = await database.rows(
    `select topic, task, outcome, count(*)::int as n
     from watchpost.event_task where image_id = $1 group by 1, 2, 3 order by 1, 2`,
    [imageId],
  );
  return { image, faces, sightings, events, done };
};
