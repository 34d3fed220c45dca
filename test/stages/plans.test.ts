import { beforeAll, describe, expect, it } from 'vitest';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { filming } from '../support/frames.ts';

/** More than are in any table of a new database, and enough for a scan of them to be seen. */
const many = 3_000;

/** Frames of another camera, as they are after all stages; their triggers do not fire. */
const fill = async (database: TestDatabase, model: string, cameraId: string) => {
  const client = await connectClient(database);
  await client.query(`set session_replication_role = 'replica'`);
  await client.query(
    `with frame as (
       insert into watchpost.image (camera_id, captured_at, byte_length, sha256, format)
       select $1, now() - interval '1 day' + n * interval '1 second', 1, sha256('x'), 'jpeg' from generate_series(1, $2) as n
       returning id, captured_at
     ), track as (
       insert into watchpost.track (camera_id, began_at, ended_at, faces) select $1, captured_at, captured_at, 1 from frame
       returning id, began_at
     ), face as (
       insert into watchpost.face
         (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
          height_px, sharpness, yaw, pitch, roll, crop, track_id)
       select frame.id, 'no-detector', 1, 0, 0, 100, 100, '{}', 1, 100, 500, 0, 0, 0, repeat('x', 100)::bytea, track.id
       from frame join track on track.began_at = frame.captured_at
       returning id
     )
     insert into watchpost.embedding (face_id, model_id, vector, norm)
     select id, $3, array_fill(0.125::real, array[64])::halfvec, 10 from face`,
    [cameraId, many, model],
  );
};

describe.skipIf(!onServer)(`statements that were planned while there were no rows yet ${needsServer}`, () => {
  let database: TestDatabase;
  let film: Awaited<ReturnType<typeof filming>>;

  beforeAll(async () => {
    database = await freshDatabase();
    // Nothing is planned anew unless the test asks for it.
    for (const table of ['image', 'face', 'embedding', 'track'])
      await database.rows(`alter table watchpost.${table} set (autovacuum_enabled = off)`);
    film = await filming(database);
  });

  it('read the rows of a frame by their keys when there are thousands', async () => {
    const session = await connectClient(database);
    await session.query(`select set_config('search_path', 'public', false)`);
    const [ada, bob] = [film.vectors.any(), film.vectors.any()];
    /** How many rows it reads to tie the faces of a frame to their tracks. */
    const read = async (at: number): Promise<number> => {
      const seen = await film.frame(at, { vector: ada }, { vector: bob, x: 400 });
      await session.query('begin');
      await session.query('select watchpost.write_tracks($1, $1, $1, 2)', [
        seen.map(({ embeddingId }) => embeddingId),
      ]);
      const { rows } = await session.query(
        `select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::integer as n
         from pg_stat_xact_user_tables where schemaname = 'watchpost'`,
      );
      await session.query('commit');
      return rows[0].n;
    };
    await read(0);
    const few = await read(0.1);
    const other = await filming(database);
    await fill(database, film.model, other.cameraId);
    expect(await read(0.2)).toBeLessThan(few + many / 10);
    expect(await film.tracks()).toMatchObject([{ faces: 3 }, { faces: 3 }]);
  });

  it('are planned anew once the tables have grown: the upkeep analyzes those that are three times as large', async () => {
    const analyze = async () =>
      (await database.rows('select watchpost.analyze_grown_tables() as result'))[0].result;
    expect(await analyze()).toMatch(/^[1-9]\d* tables analyzed$/);
    const [known] = await database.rows(
      `select reltuples::integer as n from pg_class where oid = 'watchpost.embedding'::regclass`,
    );
    expect(known).toEqual({ n: many + 6 });
    expect(await analyze()).toBe('0 tables analyzed');
  });
});
