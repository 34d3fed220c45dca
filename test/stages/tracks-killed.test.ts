import { beforeAll, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addKnownPerson } from '../support/fabricate.ts';
import { filming } from '../support/frames.ts';
import { untilIdle } from '../support/pipeline.ts';
import { startWorkerProcess } from '../support/processes.ts';

describe.skipIf(!onServer)(`workers that are killed while they follow somebody ${needsServer}`, () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  it('tie each face to one track, and raise one alert', async () => {
    const film = await filming(database);
    const ada = film.vectors.any();
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name, threshold) values ('wanted', 0.5) returning id`,
    );
    await addKnownPerson(database, {
      ...{ name: 'Ada', model: film.model, vector: ada, watchlists: [list.id] },
    });
    const workers = [await startWorkerProcess(database.url), await startWorkerProcess(database.url)];
    await untilIdle(database);

    // Both are in the middle of tying their frames: they wait for the lock of the camera.
    const holder = await connectClient(database);
    await holder.query('begin');
    await holder.query('select watchpost.lock_camera_tracks($1)', [film.cameraId]);
    for (let n = 0; n < 20; n++) await film.frame(n / 10, { vector: film.vectors.near(ada, 0.9) });
    // What one of them has sent is lost with it; the other dies too, and its statement goes on without it.
    const [lost] = await untilBlocked(database, 2);
    for (const worker of workers) await worker.stop('SIGKILL');
    await database.rows('select pg_terminate_backend($1)', [lost]);
    await holder.query('commit');
    await holder.end();
    for (let n = 20; n < 40; n++) await film.frame(n / 10, { vector: film.vectors.near(ada, 0.9) });
    await startWorkerProcess(database.url);
    await untilIdle(database);

    expect(await film.tracks()).toMatchObject([
      { faces: 40, looks: 40, since: 0, until: expect.closeTo(3.9) },
    ]);
    expect(
      await database.rows(
        `select count(*)::int as faces, count(distinct f.track_id)::int as tracks
         from watchpost.face as f join watchpost.image as i on i.id = f.image_id where i.camera_id = $1`,
        [film.cameraId],
      ),
    ).toEqual([{ faces: 40, tracks: 1 }]);
    expect(await database.rows('select sightings, first_seen, last_seen from watchpost.alert')).toEqual([
      { sightings: 1, first_seen: film.time(0), last_seen: film.time(3.9) },
    ]);
    expect(
      await database.rows(`select count(*)::int as n from watchpost.event where topic = 'alert.raised'`),
    ).toEqual([{ n: 1 }]);
    expect(await database.rows('select * from watchpost.find_violations()')).toEqual([]);
  });
});
