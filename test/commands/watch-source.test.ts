import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { ffmpeg, hasFfmpeg, needsFfmpeg, testPicture, videoFolder } from '../support/video.ts';
import { watchpost } from './support.ts';

let database: TestDatabase;
const file = join(videoFolder(), 'clip.mp4');

beforeAll(async () => {
  database = await freshDatabase();
  await watchpost(['camera', 'add', 'gate', '--location', 'Gate', '--fps', '2', '--rotation', '90'], {
    DATABASE_URL: database.url,
  });
  if (hasFfmpeg) ffmpeg(...testPicture(10, 2), file);
});

const run = (...args: string[]) => watchpost(['watch', ...args], { DATABASE_URL: database.url });

describe.skipIf(!hasFfmpeg)(`watch of a video ${needsFfmpeg}`, () => {
  it('submits its frames with their times, once however often it is run, turned as the camera is', async () => {
    const first = await run(file, '--camera', 'gate', '--begins', '2026-11-01T10:00:00Z');
    expect(first).toMatchObject({ code: 0 });
    expect(first.stdout).toContain('2026-11-01T10:00:01.500Z');
    expect(first.stdout).toContain('4 frames, 4 submitted, 0 known, 0 dropped');
    const again = await run(file, '--camera', 'gate', '--begins', '2026-11-01T10:00:00Z');
    expect(again.stdout).toContain('4 frames, 0 submitted, 4 known, 0 dropped');
    expect(again.stdout.match(/^\S+Z {2}[0-9a-f-]{36} {2}known$/gm)).toHaveLength(4);
    // Another part of it is another file, under the same key.
    await watchpost(['camera', 'set', 'gate', '--region', '0.25,0,0.5,1'], { DATABASE_URL: database.url });
    const part = await run(file, '--camera', 'gate', '--json');
    const lines = part.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.slice(0, 4).map(({ state }) => state)).toEqual(Array(4).fill('known'));
    expect(lines[4]).toEqual({ read: 4, submitted: 0, known: 4, dropped: 0 });
    const images = await database.rows(
      'select rotation, captured_at from watchpost.image order by captured_at',
    );
    expect(images.map(({ captured_at }) => captured_at.toISOString())).toEqual([
      '2026-11-01T10:00:00.000Z',
      '2026-11-01T10:00:00.500Z',
      '2026-11-01T10:00:01.000Z',
      '2026-11-01T10:00:01.500Z',
    ]);
    expect(images.map(({ rotation }) => rotation)).toEqual([90, 90, 90, 90]);
  });

  it('ends with what is wrong', async () => {
    expect(await run(join(import.meta.dirname, 'watch.test.ts'), '--camera', 'gate')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/The stream cannot be read/),
    });
    expect((await run(file)).stderr).toContain('--camera NAME');
    expect((await run(file, '--camera', 'nowhere')).stderr).toContain("There is no camera 'nowhere'.");
    expect((await run('/nowhere', '--camera', 'gate')).stderr).toContain('no folder, video or URL');
  });
});
