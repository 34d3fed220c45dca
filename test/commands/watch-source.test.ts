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
    expect(first.stdout).toContain('4 frames, 4 submitted, 0 dropped');
    await run(file, '--camera', 'gate', '--begins', '2026-11-01T10:00:00Z');
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
