import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace, addModel, addPastFaces } from '../support/fabricate.ts';
import { watchpost } from './support.ts';

let database: TestDatabase;
let model: string;

beforeAll(async () => {
  database = await freshDatabase();
  model = await addModel(database, 'alerts-model', 4);
  await run('camera', 'add', 'gate', '--location', 'North gate', '--zone', 'outside');
});

const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });
const count = async (table: string): Promise<number> =>
  (await database.rows(`select count(*)::int as n from watchpost.${table}`))[0].n;
const recordStays =
  'Their events, and the seals over them, stay: the record is evidence and is never deleted.';

describe('camera', () => {
  it('list shows where each camera is; set moves it, and prints what it is now', async () => {
    const { stdout: listed } = await run('camera', 'list');
    expect(listed).toMatch(
      /^name +location +zone +faces +silent_since +id\n.*\ngate +North gate +outside +automatic +\S+\n$/,
    );
    const moved = await run('camera', 'set', 'gate', '--location', 'Yard', '--no-zone', '--faces', 'far');
    const [row] = await database.rows(`select * from watchpost.camera where name = 'gate'`);
    expect(row).toMatchObject({ location: 'Yard', zone: null, faces: 'far' });
    expect(moved).toEqual({ code: 0, stdout: `gate  ${row.id}  Yard\n`, stderr: '' });
    const json = JSON.parse((await run('camera', 'list', '--json')).stdout);
    expect(json).toMatchObject([{ id: row.id, name: 'gate', location: 'Yard' }]);
  });

  it('set says where the frames come from, and what is taken of them', async () => {
    const source = 'rtsp://guard:secret@camera.example/stream';
    const settings = ['--fps', '2.5', '--track-gap', '3s', '--rotation', '90', '--frame-width', '1280'];
    await run('camera', 'set', 'gate', '--source', source, ...settings, '--region', '0.5,0,0.5,1');
    const [set] = await database.rows(
      `select source, frames_per_second, track_gap::text, rotation, frame_width, region_x, region_height, userinfo
       from watchpost.camera left join watchpost.camera_secret on camera_id = id where name = 'gate'`,
    );
    expect(set).toEqual({
      source: 'rtsp://camera.example/stream',
      frames_per_second: 2.5,
      track_gap: '00:00:03',
      rotation: 90,
      frame_width: 1280,
      region_x: 0.5,
      region_height: 1,
      userinfo: 'guard:secret',
    });
    const words = ['--source', 'none', '--fps', 'none', '--rotation', 'auto', '--frame-width', 'none'];
    await run('camera', 'set', 'gate', ...words, '--region', 'whole');
    expect(
      await database.rows(
        `select from watchpost.camera
         where name = 'gate' and num_nulls(source, frames_per_second, rotation, frame_width, region_x) = 5`,
      ),
    ).toHaveLength(1);
    expect((await run('camera', 'set', 'gate', '--region', '0.5,0,0.6,1')).stderr).toContain('"whole"');
  });

  it('set refuses a change of nothing, an unknown camera and a name that is taken, in a sentence', async () => {
    await run('camera', 'add', 'lobby', '--location', 'Lobby');
    expect((await run('camera', 'set', 'gate')).stderr).toMatch(/^Say what to change, by one of the options/);
    expect((await run('camera', 'set', 'gat', '--location', 'Yard')).stderr).toBe(
      "There is no camera 'gat'.\nCameras: gate, lobby.\n(camera_unknown)\n",
    );
    const taken = await run('camera', 'set', 'gate', '--rename', 'lobby');
    expect(taken).toMatchObject({ code: 1, stderr: 'The camera name "lobby" is taken.\n(name_taken)\n' });
  });

  it('remove keeps the photos, or deletes those that no alert rests on, and says which stay', async () => {
    await run('camera', 'add', 'door', '--location', 'Door');
    const { alertId } = await raiseAlert(database);
    const [{ image_id }] = await database.rows('select image_id from watchpost.alert_detail where id = $1', [
      alertId,
    ]);
    await database.rows(
      `update watchpost.image set camera_id = watchpost.find_camera('door') where id = $1`,
      [image_id],
    );
    for (const vector of [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
    ])
      await addFace(database, { model, vector, camera: 'door' });

    const dry = await run('camera', 'remove', 'door', '--photos', '--dry-run');
    const stays = "1 photo kept as evidence of alerts, until the alert's person or list is removed.\n";
    expect(dry.stdout).toBe(
      `door would be removed\n2 photos would be deleted, with their faces and searches\n${stays}`,
    );
    const kept = await run('camera', 'remove', 'door');
    expect(kept.stdout).toBe(
      'door is removed\nIts photos and alerts stay. --photos deletes what no alert rests on.\n',
    );
    const photos = await run('camera', 'remove', 'door', '--photos');
    expect(photos.stdout).toBe(
      `door is removed\n2 photos are deleted, with their faces and searches\n${stays}`,
    );
    expect((await run('camera', 'remove', 'door')).code).toBe(1);
  });
});

describe('image remove', () => {
  it('counts with --dry-run, and then deletes the photos of a camera and a time, with progress', async () => {
    await run('camera', 'add', 'roof', '--location', 'Roof');
    const vectors = Array.from({ length: 250 }, () => [1, 0, 0, 0]);
    await addPastFaces(database, { model, vectors, camera: 'roof', since: '2026-02-01T00:00:00Z' });
    const before = await count('image');
    const args = ['image', 'remove', '--camera', 'roof', '--until', '2026-03-01T00:00:00Z'];
    const dry = await run(...args, '--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toEqual({
      dryRun: true,
      deletable: 250,
      kept: { in_alerts: 0, enrolling: 0, in_cannot_links: 0 },
    });
    expect(await count('image')).toBe(before);
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: '250 photos are deleted, with their faces and searches\n',
    });
    expect(stderr).toMatch(/^\d+ of 250 photos deleted\n[\s\S]*250 of 250 photos deleted(, \S+\/s)?\n$/);
    expect(await count('image')).toBe(before - 250);
  });

  it('asks which photos, and refuses a camera and a time that it does not know', async () => {
    expect((await run('image', 'remove')).stderr).toMatch(/^Say which photos: --camera/);
    expect((await run('image', 'remove', '--camera', 'rof')).stderr).toContain('(camera_unknown)');
    expect((await run('image', 'remove', '--until', 'yesterday')).stderr).toContain('Give a time');
    expect((await run('image', 'remove', '--older-than', '0')).code).toBe(1);
  });
});

describe('watchlist remove and person remove', () => {
  it('say what is deleted and what stays, before with --dry-run and after', async () => {
    const { watchlist, personId } = await raiseAlert(database);
    const list = await run('watchlist', 'remove', watchlist, '--dry-run');
    const what = '0 entries of lists, 1 alert, 1 sighting';
    expect(list.stdout).toBe(`${watchlist} would be deleted, with ${what}\n${recordStays}\n`);
    const person = await run('person', 'remove', personId, '--dry-run');
    expect(person.stdout).toMatch(
      /^Person \d+ would be forgotten, with 0 entries of lists, 1 alert, 1 sighting\n/,
    );
    const gone = await run('watchlist', 'remove', watchlist);
    expect(gone.stdout).toBe(`${watchlist} is gone, with ${what}\n${recordStays}\n`);
    expect((await run('watchlist', 'remove', watchlist)).stderr).toContain('(watchlist_unknown)');
  });
});
