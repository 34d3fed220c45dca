import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { startWorker, type Worker } from '../../src/runner/worker.ts';
import { loadVision, type Vision } from '../../src/vision/index.ts';
import { atEnd } from '../support/at-end.ts';
import { emptySky, textFile, truncatedJpeg } from '../support/bad-photos.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample, samplePath } from '../support/photos.ts';
import { portrait } from '../support/portraits.ts';
import { Command, spawnWatchpost, temporaryFolder, watchpost } from './support.ts';

let database: TestDatabase;
let folder: string;
let vision: Vision | undefined;
let worker: Worker | undefined;

beforeAll(async () => {
  folder = await temporaryFolder();
  database = await freshDatabase({ empty: true });
  atEnd(async () => {
    await worker?.stop();
    await vision?.close();
  });
});

const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });
const file = async (name: string, bytes: Buffer): Promise<string> => {
  await writeFile(join(folder, name), bytes);
  return join(folder, name);
};
const count = async (table: string): Promise<number> =>
  (await database.rows(`select count(*)::int as n from watchpost.${table}`))[0].n;

describe('on an empty database', () => {
  it('doctor finds that the schema is missing, and advises migrate', async () => {
    const { code, stdout } = await run('doctor');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok +database +PostgreSQL 1\d.* at postgres:/m);
    expect(stdout).toMatch(/^FAIL +schema +not there\n.*migrate/m);
    expect(stdout).not.toMatch(/relation/);
  });

  it('migrate applies every file once, also when four run at once', async () => {
    const runs = await Promise.all([1, 2, 3, 4].map(() => run('migrate')));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const applied = runs.filter(({ stdout }) => stdout.startsWith('applied: migrations/0001'));
    const others = runs.filter(({ stdout }) => stdout === 'the database is up to date\n');
    expect([applied.length, others.length]).toEqual([1, 3]);
    expect((await run('migrate')).stdout).toBe('the database is up to date\n');
  });
});

describe('on a database that is up to date', () => {
  it('doctor prints what it finds as one JSON object, too', async () => {
    const { code, stdout } = await run('doctor', '--json');
    const { well, findings } = JSON.parse(stdout);
    expect(well).toBe(code === 0);
    expect(findings).toContainEqual({ check: 'schema', well: true, found: 'there' });
    expect(findings).toContainEqual({
      check: 'workers',
      well: false,
      found: '0 alive',
      remedy: 'Start one: "npm run worker".',
    });
  });

  it('doctor prints the shared memory, and that a small database needs no huge pages', async () => {
    const { stdout } = await run('doctor');
    expect(stdout).toMatch(/^ok +memory +\d+[kM]B shared(, huge pages)?$/m);
  });
});

describe('camera add and watchlist add', () => {
  it('add what is given, and print its id', async () => {
    const camera = await run(
      ...['camera', 'add', 'gate', '--location', 'North gate', '--zone', 'outside', '--faces', 'far'],
    );
    const list = await run(
      'watchlist',
      'add',
      'wanted',
      '--threshold',
      '0.5',
      '--severity',
      'critical',
      '--cooldown',
      '60',
    );
    expect([camera.code, list.code]).toEqual([0, 0]);
    const [made] = await database.rows('select id, name, location, zone, faces from watchpost.camera');
    expect(made).toMatchObject({ name: 'gate', location: 'North gate', zone: 'outside', faces: 'far' });
    expect(camera.stdout).toBe(`gate  ${made.id}\n`);
    const [list_] = await database.rows(
      'select id, threshold, severity, extract(epoch from cooldown)::int as cooldown from watchpost.watchlist',
    );
    expect(list_).toMatchObject({ threshold: 0.5, severity: 'critical', cooldown: 60 });
    expect(list.stdout).toBe(`wanted  ${list_.id}  threshold 0.5\n`);
  });

  it('refuse a name that is taken, in a sentence', async () => {
    const camera = await run('camera', 'add', 'gate', '--location', 'Elsewhere');
    const list = await run('watchlist', 'add', 'wanted');
    expect(camera).toEqual({
      code: 1,
      stdout: '',
      stderr: 'The camera name "gate" is taken.\n(name_taken)\n',
    });
    expect(list).toEqual({
      code: 1,
      stdout: '',
      stderr: 'The watchlist name "wanted" is taken.\n(name_taken)\n',
    });
  });
});

describe('sql', () => {
  it('prints rows as a table or as JSON', async () => {
    const query = `select name, length(location) as letters from watchpost.camera`;
    expect(await run('sql', query)).toMatchObject({
      code: 0,
      stdout: 'name  letters\n────  ───────\ngate       10\n',
    });
    const { stdout } = await run('sql', '--json', query);
    expect(JSON.parse(stdout)).toEqual([{ name: 'gate', letters: 10 }]);
  });

  it('prints every row of many, also from a process whose output is a pipe', async () => {
    const query = 'select n from generate_series(1, 200000) as n';
    const { code, stdout, stderr } = await spawnWatchpost(['sql', query], { DATABASE_URL: database.url });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect([lines.length, lines.at(-1)]).toEqual([200_002, '200000']);
  });

  it("prints the database's own message and hint when it refuses, without a stack", async () => {
    const wrong = await run('sql', 'select locaton from watchpost.camera');
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(
      /^The database refused: column "locaton" does not exist\nPerhaps .*location/,
    );
    expect(wrong.stderr).not.toMatch(/^\s+at /m);
    expect((await run('sql', `select watchpost.find_camera('gat')`)).stderr).toBe(
      "There is no camera 'gat'.\nCameras: gate.\n(camera_unknown)\n",
    );
  });
});

describe('without a worker', () => {
  it('doctor says so and how to start one', async () => {
    const { code, stdout } = await run('doctor');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok +schema/m);
    expect(stdout).toMatch(/^FAIL +workers +0 alive\n.*npm run worker/m);
  });

  it('submit answers at once with the id of each photo, and takes camera and time', async () => {
    const args = ['--camera', 'gate', '--captured-at', '2026-01-02T03:04:05Z'];
    const { code, stdout } = await run('submit', samplePath(4), samplePath(5), ...args);
    expect(code).toBe(0);
    const rows = await database.rows(
      `select i.id, i.captured_at, k.name from watchpost.image i join watchpost.camera k on k.id = i.camera_id order by i.id`,
    );
    expect(stdout).toBe(`sample4.jpg  ${rows[0].id}\nsample5.jpg  ${rows[1].id}\n`);
    expect(rows[0]).toMatchObject({ name: 'gate', captured_at: new Date('2026-01-02T03:04:05Z') });
  });

  it('submit submits the good files, names each bad one with its reason, and ends with 1', async () => {
    const before = await count('image');
    const [notes, absent] = [await file('notes.jpg', textFile()), join(folder, 'absent.jpg')];
    const { code, stdout, stderr } = await run('submit', samplePath(4), notes, absent, samplePath(5));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^sample4\.jpg {2}\S+\nsample5\.jpg {2}\S+\n$/);
    const lines = stderr.split('\n');
    expect(lines[0]).toMatch(/notes\.jpg: This is not a .* photo\.$/);
    expect(lines[1]).toMatch(/absent\.jpg cannot be read: there is no such file or folder/);
    expect(lines[2]).toBe('2 of 4 photos were submitted.');
    expect(await count('image')).toBe(before + 2);
    const json = await run('submit', notes, '--json');
    expect(json).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(json.stdout)).toMatchObject({
      file: notes,
      state: 'refused',
      code: 'image_format_unsupported',
    });
  });

  it('submit submits nothing for a camera that is not there', async () => {
    const before = await count('image');
    const camera = await run('submit', samplePath(4), samplePath(5), '--camera', 'gat');
    expect(camera).toEqual({
      code: 1,
      stdout: '',
      stderr: "There is no camera 'gat'.\nCameras: gate.\n(camera_unknown)\n",
    });
    expect(await count('image')).toBe(before);
  });

  it('submit takes folders and patterns, with photos by their content', async () => {
    const frames = await temporaryFolder();
    await mkdir(join(frames, 'night/@eaDir'), { recursive: true });
    for (const name of ['10.jpg', '2.photo', 'night/3.jfif', 'night/@eaDir/3.jpg', '.hidden.jpg'])
      await writeFile(join(frames, name), sample(4));
    await writeFile(join(frames, 'list.txt'), 'no photo');
    const whole = await run('submit', frames);
    expect(whole).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^2\.photo {2}\S+\n10\.jpg {2}\S+\n3\.jfif {2}\S+\n$/),
    });
    const some = await run('submit', join(frames, '*.jpg'), join(frames, '*.png'));
    expect(some).toMatchObject({ code: 1, stdout: expect.stringMatching(/^10\.jpg {2}\S+\n$/) });
    expect(some.stderr).toContain(`${join(frames, '*.png')}: No file matches this pattern.`);
  });

  it('submit takes the rest of a folder or pattern of which something cannot be read, and names that', async () => {
    const frames = await temporaryFolder();
    await writeFile(join(frames, '1.jpg'), sample(4));
    await symlink(join(frames, 'gone'), join(frames, '2.jpg'));
    const pattern = await run('submit', join(frames, '*.jpg'));
    expect(pattern).toMatchObject({ code: 1, stdout: expect.stringMatching(/^1\.jpg {2}\S+\n$/) });
    expect(pattern.stderr).toContain(`${join(frames, '2.jpg')} cannot be read: there is no such file`);
    // A name in another encoding than UTF-8, as old recorders write them.
    await mkdir(Buffer.concat([Buffer.from(`${frames}/caf`), Buffer.from([0xe9])]));
    const whole = await run('submit', frames);
    expect(whole).toMatchObject({ code: 1, stdout: expect.stringMatching(/^1\.jpg {2}\S+\n$/) });
    expect(whole.stderr).toMatch(/2\.jpg cannot be read: .*\n.*caf\ufffd cannot be read: .*\n1 of 3 /);
  });

  it('person add that is interrupted adds nobody', async () => {
    const command = new Command(['person', 'add', 'Eve', '--photo', samplePath(4), '--face', '1'], {
      DATABASE_URL: database.url,
    });
    await command.says(/No worker is running/);
    expect(await count('person_photo')).toBe(1);
    expect(await command.stop('SIGINT')).toBe(1);
    expect(command.stderr).toMatch(/Interrupted: Eve was not added\.\n$/);
    expect([await count('person'), await count('person_photo')]).toEqual([0, 0]);
  });

  it('submit --wait prints what it waits for, and continues once a worker runs', async () => {
    const command = new Command(['submit', samplePath(4), '--wait'], { DATABASE_URL: database.url });
    while (!command.stderr) await new Promise((resolve) => command.child.stderr?.once('data', resolve));
    expect(command.stderr).toMatch(/^No worker is running.*npm run worker/);
    await startWorking();
    expect(await command.ended).toBe(0);
    expect(command.stdout).toMatch(/^sample4\.jpg {2}\S+ {2}done {2}faces=4 {2}matches=0 {2}alerts=0\n$/);
  });
});

describe('with a worker', () => {
  beforeAll(startWorking);

  it('doctor finds nothing wrong', async () => {
    const { code, stdout } = await run('doctor');
    expect(stdout).not.toMatch(/^FAIL/m);
    expect(stdout).toMatch(/^ok +workers +1 alive$/m);
    expect(code).toBe(0);
  });

  it('person add enrols the chosen face and puts the person on a list', async () => {
    const args = ['--photo', samplePath(3), '--face', '2', '--watchlist', 'wanted', '--ref', 'hr-1'];
    const { code, stdout } = await run('person', 'add', 'Ada', ...args);
    expect(stdout).toMatch(/^Ada {2}\S+\n {2}\S+sample3\.jpg {2}enrolled\n$/);
    expect(code).toBe(0);
    const rows = await database.rows(
      `select p.name, p.external_ref, w.name as list from watchpost.reference r
       join watchpost.person p on p.id = r.person_id
       join watchpost.watchlist_entry e on e.person_id = p.id join watchpost.watchlist w on w.id = e.watchlist_id`,
    );
    expect(rows).toEqual([{ name: 'Ada', external_ref: 'hr-1', list: 'wanted' }]);
  });

  it('person add prints for each photo why it was refused, and adds nobody if none can be used', async () => {
    const before = [await count('person'), await count('image')];
    const sky = await file('sky.jpg', await emptySky());
    const { code, stdout, stderr } = await run(
      'person',
      'add',
      'Grace',
      '--photo',
      samplePath(3),
      '--photo',
      sky,
    );
    expect(code).toBe(1);
    expect(stdout).toMatch(
      /sample3\.jpg {2}refused: This photo has 3 faces; say which.* \(faces_several\)$/m,
    );
    expect(stdout).toMatch(/sky\.jpg {2}refused: No face was found.* \(face_missing\)$/m);
    expect(stderr).toBe(
      'Grace was not added: no photo can be used. Choose a face with --face. Give another photo.\n',
    );
    expect([await count('person'), await count('image')]).toEqual(before);
  });

  it('person add adds somebody with one good photo, and ends with 1 for the others', async () => {
    const [sky, notes] = [await file('sky.jpg', await emptySky()), await file('notes.jpg', textFile())];
    const photos = [notes, await file('b.jpg', await portrait(vision as Vision, 5, 1)), sky];
    const { code, stdout, stderr } = await run(
      'person',
      'add',
      'Bea',
      ...photos.flatMap((one) => ['--photo', one]),
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\S+notes\.jpg: This is not a .* photo\.\n$/);
    expect(stdout).toMatch(
      /^Bea {2}\S+\n {2}\S+b\.jpg {2}enrolled\n {2}\S+sky\.jpg {2}refused: .*\(face_missing\) {2}[0-9a-f-]{36}\n$/,
    );
  });

  it('person photo add enrols more photos, and replaces a refused one', async () => {
    const shown = await run('person', 'show', 'Bea', '--json');
    const refused = JSON.parse(shown.stdout).photos.find(
      (photo: { state: string }) => photo.state === 'refused',
    );
    const sky = await file('sky.jpg', await emptySky());
    const worse = await run('person', 'photo', 'add', 'Bea', sky, '--replace', refused.id);
    expect(worse).toMatchObject({ code: 1, stdout: expect.stringMatching(/sky\.jpg {2}refused: .*\n$/) });
    // The same picture in other bytes: a photo enrols one person once.
    const better = await file(
      'c.png',
      await sharp(await portrait(vision as Vision, 5, 1))
        .png()
        .toBuffer(),
    );
    const { code, stdout } = await run('person', 'photo', 'add', 'Bea', better, '--replace', refused.id);
    expect(stdout).toMatch(new RegExp(`c\\.png {2}enrolled\\n {2}${refused.id} {2}removed\\n$`));
    expect(code).toBe(0);
    const unknown = await run('person', 'photo', 'add', 'Ada', better, '--replace', refused.id);
    expect(unknown.stderr).toBe(`Ada has no photo ${refused.id}; "person show" lists them.\n`);
  });

  it('person add adds nobody if no file is a photo or a list is unknown', async () => {
    const before = await count('person');
    const notes = await file('notes.jpg', textFile());
    const text = await run('person', 'add', 'Nobody', '--photo', notes);
    const list = await run('person', 'add', 'Nobody', '--watchlist', 'wnated');
    expect(text.stderr).toContain(notes);
    expect(list.stderr).toBe('There is no watchlist "wnated".\nWatchlists: wanted.\n(watchlist_unknown)\n');
    for (const { code, stdout } of [text, list]) expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(await count('person')).toBe(before);
  });

  it('submit --wait --json prints the result of each photo, one object a line, and ends with 1 if one failed', async () => {
    const broken = await file('broken.jpg', truncatedJpeg());
    const { code, stdout } = await run(
      'submit',
      samplePath(1),
      broken,
      '--camera',
      'gate',
      '--wait',
      '--json',
    );
    expect(code).toBe(1);
    const [first, second] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const id = expect.any(String);
    const found = [{ person: 'Ada', watchlist: 'wanted', similarity: expect.closeTo(0.73, 1), alert_id: id }];
    expect(first).toMatchObject({ file: 'sample1.jpg', id, state: 'done', matches: 1, alerts: 1, found });
    expect(second).toMatchObject({
      file: 'broken.jpg',
      id,
      state: 'failed',
      code: 'image_corrupt',
      faces: 0,
    });
  });

  it('submit --wait says whom it found: name, list, similarity and alert', async () => {
    const { code, stdout } = await run('submit', samplePath(1), '--camera', 'gate', '--wait');
    expect(code).toBe(0);
    const [alert] = await database.rows('select id from watchpost.alert order by id desc limit 1');
    expect(stdout.split('\n').slice(1)).toEqual([
      expect.stringMatching(
        new RegExp(`^ {2}Ada {2}list wanted {2}similarity 0\\.7\\d\\d {2}alert ${alert.id}$`),
      ),
      '',
    ]);
  });

  it('work refuses to run a model that is registered with other weights, and says what to do', async () => {
    const [model] = await database.rows(
      `update watchpost.model set sha256 = repeat('0', 64) where role = 'landmarks' returning id`,
    );
    const { code, stderr } = await run('work');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`The model ${model.id} is registered here with other weights.*\n.*another model id`),
    );
  });
});

/** One worker for the rest of this file, whichever test needs it first. */
async function startWorking(): Promise<void> {
  vision ??= await loadVision();
  worker ??= await startWorker({ database, vision }, { concurrency: 2, log: openLog('silent') });
}
