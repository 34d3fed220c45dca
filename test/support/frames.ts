import type { TestDatabase } from './database.ts';
import { addModel } from './fabricate.ts';
import { Vectors } from './vectors.ts';

/** One face of a frame: where it is, and who. */
export interface SeenFace {
  readonly vector: readonly number[];
  /** Of a box of 100 by 100 pixels: its left edge; 100 unless given. */
  readonly x?: number;
  readonly gate?: readonly string[];
  /** Of the embedding, by which the faces of a track are ranked; 10 unless given. */
  readonly norm?: number;
}

let films = 0;

/** Frames of a camera, as the pipeline would have detected and embedded them. */
export const filming = async (
  database: TestDatabase,
  camera: { name?: string; rate?: number | null; gap?: string } = {},
) => {
  films += 1;
  const model = await addModel(database, 'frames-model', 64);
  const name = camera.name ?? `camera ${Math.random()}`;
  const [row] = await database.rows(
    `insert into watchpost.camera (name, location, frames_per_second, track_gap)
     values ($1, 'Door', $2, coalesce($3::interval, '2 seconds')) returning id`,
    [name, camera.rate === undefined ? 10 : camera.rate, camera.gap ?? null],
  );
  const begins = Date.now() - 3_600_000;
  return {
    model,
    name,
    cameraId: row.id as string,
    /** Others for each camera. */
    vectors: new Vectors(64, films),
    /** When a second of the film was. */
    time: (seconds: number) => new Date(begins + seconds * 1000),
    /** A frame at a second of the film; gives the ids of its faces and embeddings, in order. */
    frame: async (seconds: number, ...faces: SeenFace[]) => {
      const [image] = await database.rows(
        `insert into watchpost.image (bytes, camera_id, captured_at) values ('no photo', $1, $2) returning id`,
        [row.id, new Date(begins + seconds * 1000)],
      );
      const seen = [];
      for (const [at, face] of faces.entries()) {
        const [made] = await database.rows(
          `insert into watchpost.face
             (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
              height_px, sharpness, yaw, pitch, roll, gate, crop)
           values ($1, 'no-detector', $2, $3, 100, 100, 100, '{}', 0.9, 112, 100, 0, 0, 0, $4, '') returning id`,
          [image.id, at + 1, face.x ?? 100, face.gate ?? []],
        );
        const [embedding] = await database.rows(
          `insert into watchpost.embedding (face_id, model_id, vector, norm) values ($1, $2, $3, $4) returning id`,
          [made.id, model, JSON.stringify(face.vector), face.norm ?? 10],
        );
        seen.push({
          imageId: image.id as string,
          faceId: made.id as string,
          embeddingId: embedding.id as string,
        });
      }
      return seen;
    },
    /** The tracks of the camera, the earliest first. */
    tracks: () =>
      database.rows(
        `select t.*, extract(epoch from t.began_at - $2::timestamptz)::real as since,
           extract(epoch from t.ended_at - $2::timestamptz)::real as until
         from watchpost.track as t where t.camera_id = $1 order by t.began_at, t.id`,
        [row.id, new Date(begins)],
      ),
  };
};
