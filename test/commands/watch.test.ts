import { appendFile, copyFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isWholePhoto } from '../../src/intake/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample, samplePath } from '../support/photos.ts';
import { until } from '../support/until.ts';
import { Command, temporaryFolder, watchpost } from './support.ts';

let database: TestDatabase;
let data: string;
let folder: string;

beforeAll(async () => {
  database = await freshDatabase();
  await watchpost(['camera', 'add', 'gate', '--location', 'North gate'], { DATABASE_URL: database.url });
});

beforeEach(async () => {
  [data, folder] = [await temporaryFolder(), await temporaryFolder()];
});

const settings = () => ({ DATABASE_URL: database.url, WATCHPOST_DATA: data });
const once = (...args: string[]) => watchpost(['watch', folder, '--once', '--json', ...args], settings());
const submitted = (bytes: Buffer) =>
  database.rows<{ sha256: string; camera: string | null; captured_at: Date }>(
    `select encode(i.sha256, 'hex') as sha256, c.name as camera, i.captured_at
     from watchpost.image as i left join watchpost.camera as c on c.id = i.camera_id
     where i.sha256 = sha256($1) order by i.id`,
    [bytes],
  );
const old = async (path: string) =>
  utimes(path, new Date('2026-11-01T10:00:00Z'), new Date('2026-11-01T10:00:00Z'));
const put = async (name: string, bytes: Buffer) => {
  await writeFile(join(folder, name), bytes);
  await old(join(folder, name));
};
/** A photo of its own: what follows its end is not looked at. */
const another = (text: string) => Buffer.concat([sample(4), Buffer.from(text)]);

describe('watch --once', () => {
  it('submits each file once, however often it is run, and one whose content was changed again', async () => {
    await put('a.jpg', another('once'));
    const first = await once();
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(first.stdout)).toMatchObject({
      file: 'a.jpg',
      state: 'submitted',
      id: expect.any(String),
    });
    expect(await once()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    await writeFile(join(folder, 'a.jpg'), another('twice'));
    expect((await once()).stdout).toContain('submitted');
    expect(await submitted(another('once'))).toHaveLength(1);
    expect(await submitted(another('twice'))).toHaveLength(1);
  });

  it('submits a file once also if the line of its journal was lost in a crash', async () => {
    await put('crash.jpg', another('crash'));
    const first = JSON.parse((await once()).stdout);
    for (const file of await readdir(join(data, 'watch'))) await writeFile(join(data, 'watch', file), '');
    const second = JSON.parse((await once()).stdout);
    expect(second).toEqual({ ...first, state: 'known' });
    expect(await submitted(another('crash'))).toHaveLength(1);
  });

  it('moves files, refused ones elsewhere, and never over another file', async () => {
    await mkdir(join(folder, 'gate'));
    await put('gate/a.jpg', another('moved'));
    await put('gate/b.jpg', Buffer.from('no photo at all'));
    const options = [
      '--camera-from-folder',
      '--move-to',
      join(folder, 'done'),
      '--refused-to',
      join(folder, 'bad'),
    ];
    const result = await once(...options);
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/"file":"gate\/b.jpg","state":"refused","code":"image_format_unsupported"/);
    await put('gate/a.jpg', another('moved too'));
    expect((await once(...options)).code).toBe(0);
    expect((await readdir(folder, { recursive: true })).toSorted()).toEqual([
      'bad',
      'bad/gate',
      'bad/gate/b.jpg',
      'done',
      'done/gate',
      'done/gate/a-2.jpg',
      'done/gate/a.jpg',
      'gate',
    ]);
    expect(await submitted(another('moved'))).toMatchObject([
      { camera: 'gate', captured_at: new Date('2026-11-01T10:00:00Z') },
    ]);
  });

  it('leaves a file that is cut off until it is old', async () => {
    const half = sample(4).subarray(0, 20_000);
    await writeFile(join(folder, 'half.jpg'), half);
    expect(await once()).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await submitted(half)).toEqual([]);
    await old(join(folder, 'half.jpg'));
    expect((await once()).stdout).toContain('submitted');
    expect(await submitted(half)).toHaveLength(1);
  });

  it('ends, and marks nothing as done, if the camera or the folder is unknown', async () => {
    await put('a.jpg', another('unknown camera'));
    expect(await once('--camera', 'gaet')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('gate'),
    });
    expect((await once('--camera', 'gate')).stdout).toContain('submitted');
    const nowhere = join(folder, 'nowhere');
    expect(await watchpost(['watch', nowhere], settings())).toMatchObject({
      code: 1,
      stderr: `${nowhere} is no folder, video or URL: give one that exists.\n`,
    });
  });
});

describe('watch', () => {
  it('submits what is there and what comes, a file that is still written when it is whole, and continues after a restart', async () => {
    await copyFile(samplePath(1), join(folder, 'before.jpg'));
    const start = () => new Command(['watch', folder, '--settle', '1s', '--camera', 'gate'], settings());
    const command = start();
    await until(async () => command.stdout.includes('before.jpg'));
    const whole = another('written slowly');
    await writeFile(join(folder, 'slow.jpg'), whole.subarray(0, 30_000));
    await writeFile(join(folder, 'fast.jpg'), another('fast'));
    await until(async () => command.stdout.includes('fast.jpg'));
    expect(command.stdout).not.toContain('slow.jpg');
    await appendFile(join(folder, 'slow.jpg'), whole.subarray(30_000));
    await until(async () => command.stdout.includes('slow.jpg'));
    expect(await submitted(whole)).toMatchObject([{ camera: 'gate' }]);
    command.child.kill('SIGTERM');
    expect(await command.ended).toBe(0);
    const again = start();
    await writeFile(join(folder, 'later.jpg'), another('later'));
    await until(async () => again.stdout.includes('later.jpg'));
    expect(again.stdout.trim().split('\n')).toHaveLength(1);
    again.child.kill('SIGTERM');
    expect(await again.ended).toBe(0);
  });
});

describe('the end of a photo', () => {
  it('is found in each format, and not before it', async () => {
    const { default: sharp } = await import('sharp');
    const picture = sharp(sample(4)).resize(200);
    const jpeg = await picture.clone().jpeg({ progressive: true }).toBuffer();
    const files = [
      jpeg,
      Buffer.concat([jpeg, Buffer.alloc(300)]),
      await picture.clone().png().toBuffer(),
      await picture.clone().webp().toBuffer(),
      await picture.clone().avif().toBuffer(),
    ];
    for (const [n, file] of files.entries()) {
      expect(isWholePhoto(file), `file ${n}`).toBe(true);
      for (const share of [0.2, 0.5, 0.8])
        expect(isWholePhoto(file.subarray(0, file.length * share)), `${share} of file ${n}`).toBe(false);
    }
  });

  it('is not that of a thumbnail', async () => {
    const thumbnail = await readFile(samplePath(4));
    const inner = thumbnail.subarray(0, 60_000 - 100);
    const segment = Buffer.alloc(4);
    segment.writeUInt16BE(0xffe1);
    segment.writeUInt16BE(inner.length + 4, 2);
    const head = Buffer.concat([Buffer.from('ffd8', 'hex'), segment, inner, Buffer.from('ffd9', 'hex')]);
    const cut = Buffer.concat([head, sample(4).subarray(2, 10_000)]);
    expect(isWholePhoto(cut)).toBe(false);
    expect(isWholePhoto(Buffer.concat([head, sample(4).subarray(2)]))).toBe(true);
  });
});
