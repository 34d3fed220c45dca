import { readdirSync } from 'node:fs';
import { readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { findFfmpeg, sourceAt, videoFile } from '../../src/sources/index.ts';
import {
  ffmpeg,
  hasFfmpeg,
  needsFfmpeg,
  serve,
  serveRtsp,
  take,
  testPicture,
  videoFolder,
} from '../support/video.ts';

const folder = videoFolder();
const sizeOf = async (bytes: Buffer) => {
  const { width, height, format } = await sharp(bytes).metadata();
  return { width, height, format };
};

describe.skipIf(!hasFfmpeg)(`a video ${needsFfmpeg}`, () => {
  it('in a file has frames with the times at which they were taken, the same each time', async () => {
    const file = join(folder, 'clip.mp4');
    ffmpeg(...testPicture(10, 3), file);
    await utimes(file, new Date(), new Date('2026-11-01T10:00:03Z'));
    const frames = await take(videoFile(file), 100, { rate: 2 });
    expect(frames.map(({ capturedAt }) => capturedAt.toISOString().slice(17))).toEqual([
      '00.000Z',
      '00.500Z',
      '01.000Z',
      '01.500Z',
      '02.000Z',
      '02.500Z',
    ]);
    expect(await sizeOf(frames[5]!.bytes)).toEqual({ width: 320, height: 240, format: 'jpeg' });
    const again = await take(videoFile(file), 100, { rate: 2 });
    expect(again.map(({ id }) => id)).toEqual(frames.map(({ id }) => id));
    const [first] = await take(videoFile(file, new Date('2026-11-02T00:00:00Z')), 1);
    expect(first?.capturedAt.toISOString()).toBe('2026-11-02T00:00:00.000Z');
  });

  it('gives no frame twice where it has fewer than are asked for', async () => {
    const file = join(folder, 'slow.mp4');
    ffmpeg(...testPicture(2, 3), file);
    expect(await take(videoFile(file), 100, { rate: 25 })).toHaveLength(6);
  });

  it('is cut to its region, and reduced', async () => {
    const file = join(folder, 'large.mp4');
    ffmpeg('-f', 'lavfi', '-i', 'testsrc=size=640x480:rate=5', '-t', '1', file);
    const region = { x: 0.5, y: 0, width: 0.5, height: 0.25 };
    const [cut] = await take(videoFile(file), 1, { region });
    expect(await sizeOf(cut!.bytes)).toMatchObject({ width: 320, height: 120 });
    const [small] = await take(videoFile(file), 1, { region, frameWidth: 160 });
    expect(await sizeOf(small!.bytes)).toMatchObject({ width: 160, height: 60 });
  });

  it('that is none says why', async () => {
    await expect(take(videoFile(join(import.meta.dirname, 'video.test.ts')), 1)).rejects.toThrow(
      /The stream cannot be read: .*Invalid data/,
    );
  });

  it('comes by RTSP with a password, which ffmpeg is not told on its command line', async () => {
    const { url } = await serveRtsp();
    let commandLines = '';
    const source = sourceAt(url);
    const before = Date.now();
    const frames = await take(
      {
        ...source,
        async *frames(settings, tools) {
          for await (const frame of source.frames(settings, tools)) {
            commandLines ||= await runningFfmpeg();
            yield frame;
          }
        },
      },
      3,
      { userinfo: 'guard:p%40ss%2Fword', rate: 5 },
    );
    expect(await sizeOf(frames[2]!.bytes)).toMatchObject({ width: 320, height: 240 });
    expect(frames[0]!.capturedAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(new Set(frames.map(({ id }) => id)).size).toBe(3);
    expect(commandLines).toContain('pipe:0');
    expect(commandLines).not.toMatch(/ss%2Fword|ss\/word/);
    const refused = take(source, 1, { userinfo: 'guard:wrong-secret' });
    await expect(refused).rejects.toThrow(/^The server refuses the user and password/);
    await expect(refused).rejects.not.toThrow(/wrong-secret/);
  });

  it('comes by HLS: all segments of a recording, and of a live stream from its last two on', async () => {
    ffmpeg(
      ...testPicture(10, 6),
      '-g',
      '10',
      '-hls_time',
      '1',
      '-hls_list_size',
      '0',
      join(folder, 'all.m3u8'),
    );
    const all = await readFile(join(folder, 'all.m3u8'), 'utf8');
    const names = readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .sort();
    expect(names).toHaveLength(6);
    let listed = 3;
    const live = () =>
      `${all.split('#EXTINF')[0]}${all
        .split('#EXTINF')
        .slice(1, ++listed)
        .map((one) => `#EXTINF${one}`)
        .join('')}`.replace(/#EXT-X-(ENDLIST|PLAYLIST-TYPE).*\n/g, '');
    const { url, asked } = await serve(async ({ url: path = '' }, response) => {
      if (path === '/main.m3u8')
        response.end('#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,RESOLUTION=320x240\nlive.m3u8\n');
      else if (path === '/live.m3u8') response.end(live());
      else response.end(await readFile(join(folder, path)));
    });
    expect(await take(sourceAt(`${url}/all.m3u8`), 100, { rate: 10 })).toHaveLength(60);
    asked.length = 0;
    await take(sourceAt(`${url}/main.m3u8`), 30, { rate: 10 });
    const segments = asked.map(({ url: path }) => path).filter((path) => path?.endsWith('.ts'));
    expect(segments.slice(0, 3)).toEqual(['/all1.ts', '/all2.ts', '/all3.ts']);
  });

  it('comes by HTTP as it is', async () => {
    const file = join(folder, 'clip.ts');
    ffmpeg(...testPicture(10, 2), file);
    const { url } = await serve(async (_, response) =>
      response.writeHead(200, { 'content-type': 'video/mp2t' }).end(await readFile(file)),
    );
    expect(await take(sourceAt(url), 100, { rate: 10 })).toHaveLength(20);
  });

  it('that breaks off on its way is none that has ended', async () => {
    const file = join(folder, 'broken.ts');
    ffmpeg(...testPicture(10, 2), file);
    const bytes = await readFile(file);
    const { url } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'video/mp2t', 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
    });
    await expect(take(sourceAt(url), 100, { rate: 10 })).rejects.toThrow(
      'The connection to the server broke.',
    );
    const playlist = '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nhalf.ts\n#EXTINF:2,\ngone.ts\n';
    const hls = await serve(({ url: path }, response) => {
      if (path === '/live.m3u8') response.end(playlist);
      else if (path === '/half.ts') response.end(bytes);
      else response.writeHead(503).end();
    });
    await expect(take(sourceAt(`${hls.url}/live.m3u8`), 100, { rate: 10 })).rejects.toThrow(
      'The server answers 503.',
    );
  });

  it('is read by a version of ffmpeg that is known', async () => {
    expect(await findFfmpeg()).toMatch(/\S/);
  });
});

describe('without ffmpeg', () => {
  it('a video says what to install', async () => {
    const path = process.env.PATH;
    process.env.PATH = folder;
    await expect(
      take(videoFile(join(folder, 'clip.mp4')), 1).finally(() => (process.env.PATH = path)),
    ).rejects.toThrow(/There is no ffmpeg. Install ffmpeg 5.1 or newer/);
  });
});

/** The command lines of all processes of ffmpeg, as everybody on the machine reads them. */
const runningFfmpeg = async (): Promise<string> => {
  const all = await Promise.all(
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  // Started by name, or by a loader that is given its path.
  return all.filter((line) => /(^|\/)ffmpeg\0/.test(line)).join('\n');
};
