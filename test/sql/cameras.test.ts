import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addFace, addMatch, addModel } from '../support/fabricate.ts';

let database: TestDatabase;
let model: string;
let cameraId: string;
let camera: string;
let made = 0;

beforeAll(async () => {
  database = await freshDatabase();
  model = await addModel(database, 'four-numbers', 4);
});

beforeEach(async () => {
  made += 1;
  camera = `camera ${made}`;
  const [row] = await database.rows(
    `insert into watchpost.camera (name, location, zone) values ($1, 'North gate', $1) returning id`,
    [camera],
  );
  cameraId = row.id;
});

const change = (assignment: string) =>
  database.rows(`update watchpost.camera set ${assignment} where id = $1`, [cameraId]);
const events = () =>
  database.rows(`select topic, payload from watchpost.event where subject_id = $1 order by id`, [cameraId]);
const places = () =>
  database.rows(
    `select name, location, zone, lower_inf(during) as first, upper_inf(during) as current
     from watchpost.camera_place where camera_id = $1 order by during`,
    [cameraId],
  );
/** A time between the changes before and those after. */
const between = async (): Promise<string> => {
  const [row] = await database.rows(
    `with rested as materialized (select pg_sleep(0.01))
     select (clock_timestamp() - interval '5 ms')::text as at from rested`,
  );
  return row.at;
};

describe('a change of a camera', () => {
  it('is an event with who made it and the columns that differ; one that changes nothing is none', async () => {
    const client = await connectClient(database);
    await client.query(`begin; select set_config('watchpost.actor', 'api:desk', true)`);
    await client.query(`update watchpost.camera set location = 'Yard', faces = faces where id = $1`, [
      cameraId,
    ]);
    await client.query('commit');
    await change('location = location');
    const [created, moved, ...others] = await events();
    expect(others).toEqual([]);
    expect(created).toMatchObject({
      topic: 'camera.changed',
      payload: {
        camera_id: cameraId,
        change: 'created',
        old: {},
        new: { name: camera, location: 'North gate' },
      },
    });
    expect(moved).toEqual({
      topic: 'camera.changed',
      payload: {
        camera_id: cameraId,
        name: camera,
        change: 'updated',
        by: 'api:desk',
        old: { location: 'North gate' },
        new: { location: 'Yard' },
      },
    });
  });

  it('of its name, location or zone begins another place, and of its faces does not', async () => {
    await change(`faces = 'far'`);
    await between();
    await change(`location = 'Yard'`);
    await between();
    await change(`zone = null`);
    expect(await places()).toEqual([
      { name: camera, location: 'North gate', zone: camera, first: true, current: false },
      { name: camera, location: 'Yard', zone: camera, first: false, current: false },
      { name: camera, location: 'Yard', zone: null, first: false, current: true },
    ]);
  });

  it('within one transaction, or at one tick of the clock, leaves one place for each moment', async () => {
    const client = await connectClient(database);
    await client.query('begin');
    for (const location of ['Yard', 'Roof', 'Lobby']) {
      await client.query('update watchpost.camera set location = $2 where id = $1', [cameraId, location]);
    }
    await client.query('commit');
    const [last] = (await places()).slice(-1);
    expect(last).toMatchObject({ location: 'Lobby', current: true });
    const [now] = await database.rows(
      `select location from watchpost.camera_place where camera_id = $1 and during @> now() + interval '1 hour'`,
      [cameraId],
    );
    expect(now).toEqual({ location: 'Lobby' });
  });

  it.skipIf(!onServer)(`by two at once takes turns ${needsServer}`, async () => {
    const [first, second] = [await connectClient(database), await connectClient(database)];
    // Begun before the first, and committed after it.
    await second.query('begin; select now()');
    await first.query('begin');
    await first.query(`update watchpost.camera set location = 'Yard' where id = $1`, [cameraId]);
    const waiting = second.query(`update watchpost.camera set location = 'Roof' where id = $1`, [cameraId]);
    await untilBlocked(database);
    await first.query('commit');
    await waiting;
    await second.query('commit');
    expect((await places()).map(({ location }) => location)).toEqual(['North gate', 'Yard', 'Roof']);
  });
});

describe('where somebody was seen', () => {
  let personId: string;
  let watchlistId: string;

  beforeEach(async () => {
    const [person] = await database.rows(`insert into watchpost.person (name) values ('Ada') returning id`);
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name) values (watchpost.uuidv7()::text) returning id`,
    );
    [personId, watchlistId] = [person.id, list.id];
  });

  const see = async (capturedAt: string): Promise<string> => {
    const match = await addMatch(database, {
      model,
      personId,
      watchlistId,
      camera,
      similarity: 0.7,
      capturedAt,
    });
    const [alert] = await database.rows('select watchpost.raise_alert($1) as id', [match]);
    return alert.id;
  };
  const alerts = () =>
    database.rows(
      `select id, camera, location, zone from watchpost.alert_detail where person_id = $1 order by first_seen`,
      [personId],
    );

  it('stays what it was when the camera is moved, renamed or removed: alert, sighting, path and lineage', async () => {
    const before = await between();
    const seen = { camera, location: 'North gate', zone: camera };
    const alert = await see(before);
    await change(`name = name || ' (old)', location = 'Yard', zone = 'yard'`);
    await database.rows('select watchpost.remove_camera($1)', [cameraId]);

    expect(await alerts()).toEqual([{ id: alert, ...seen }]);
    const where = 'select camera, location, zone from watchpost';
    expect(await database.rows(`${where}.sighting where person_id = $1`, [personId])).toEqual([seen]);
    expect(await database.rows(`${where}.last_seen where person_id = $1`, [personId])).toEqual([seen]);
    expect(await database.rows(`${where}.path($1)`, [personId])).toEqual([seen]);
    expect(await database.rows(`select camera, location from watchpost.lineage($1)`, [alert])).toEqual([
      { camera, location: 'North gate' },
    ]);
    const [status] = await database.rows(
      `select s.camera from watchpost.image_status as s
       join watchpost.match as m on m.image_id = s.image_id where m.person_id = $1`,
      [personId],
    );
    expect(status).toEqual({ camera });
  });

  it('is the new place for photos taken afterwards, in another alert, also if an earlier one comes late', async () => {
    const before = await between();
    const old = await see(before);
    await change(`location = 'Yard', zone = 'yard'`);
    const after = await between();
    const moved = await see(after);
    expect(moved).not.toBe(old);
    expect(await see(before)).toBe(old);
    expect(await alerts()).toMatchObject([
      { id: old, location: 'North gate', zone: camera },
      { id: moved, location: 'Yard', zone: 'yard' },
    ]);
    expect(await database.rows('select location, sightings from watchpost.path($1)', [personId])).toEqual([
      { location: 'North gate', sightings: 2n.toString() },
      { location: 'Yard', sightings: 1n.toString() },
    ]);
  });

  it('is its first place for a photo from before the camera was added', async () => {
    await see('2020-01-01T00:00:00Z');
    await change(`location = 'Yard'`);
    expect(await alerts()).toMatchObject([{ location: 'North gate' }]);
  });
});

describe('remove_camera()', () => {
  it('takes a camera out of use: its name is unknown to submissions, and free', async () => {
    const { imageId } = await addFace(database, { model, vector: [1, 0, 0, 0], camera });
    await database.rows('select watchpost.remove_camera($1)', [cameraId]);
    expect((await events()).at(-1)).toMatchObject({
      payload: { change: 'removed', name: camera, new: { removed_at: expect.any(String) } },
    });
    for (const name of [camera, cameraId]) {
      await expect(database.rows('select watchpost.submit_image($1, $2)', ['x', name])).rejects.toMatchObject(
        { code: 'WP002' },
      );
    }
    const [found] = await database.rows('select watchpost.find_camera($1, or_removed => true) as id', [
      camera,
    ]);
    expect(found).toEqual({ id: cameraId });
    await database.rows(`insert into watchpost.camera (name, location) values ($1, 'Elsewhere')`, [camera]);
    const [image] = await database.rows('select camera_id from watchpost.image where id = $1', [imageId]);
    expect(image).toEqual({ camera_id: cameraId });
  });

  it('refuses a camera that is unknown or was removed', async () => {
    await database.rows('select watchpost.remove_camera($1)', [cameraId]);
    for (const id of [cameraId, '00000000-0000-7000-8000-000000000000']) {
      await expect(database.rows('select watchpost.remove_camera($1)', [id])).rejects.toMatchObject({
        code: 'WP002',
      });
    }
  });

  it('is what a DELETE of a camera with photos advises; one without is deleted, on record', async () => {
    await addFace(database, { model, vector: [1, 0, 0, 0], camera });
    const remove = () => database.rows('delete from watchpost.camera where id = $1', [cameraId]);
    await expect(remove()).rejects.toMatchObject({
      code: 'WP010',
      hint: expect.stringContaining('watchpost.remove_camera'),
    });
    await database.rows('delete from watchpost.image where camera_id = $1', [cameraId]);
    await remove();
    expect((await events()).at(-1)).toMatchObject({ payload: { change: 'deleted', new: {} } });
    expect(await places()).toEqual([]);
  });
});
