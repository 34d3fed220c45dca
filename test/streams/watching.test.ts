import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { startWatching } from '../../src/streams/index.ts';
import { watchpost } from '../commands/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { loopback, serve } from '../support/video.ts';

let database: TestDatabase;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await freshDatabase();
});

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await database.rows('update watchpost.camera set source = null');
});

const watch = () => {
  const watching = startWatching({
    watcher: randomUUID(),
    database,
    outgoing: loopback,
    log: openLog('silent'),
  });
  stops.push(() => watching.stop());
  return watching;
};

/** A camera of MJPEG none of whose pictures is like another one, and how many are connected to it. */
const serveCamera = async (everyMs: number) => {
  let sent = 0;
  let connected = 0;
  const { url, asked } = await serve((request, response) => {
    connected += 1;
    response.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=frame' });
    const timer = setInterval(() => {
      response.write(`--frame\r\nContent-Type: image/jpeg\r\n\r\n`);
      response.write(withComment(sample(2), String(++sent)));
    }, everyMs);
    request.socket.on('close', () => {
      connected -= 1;
      clearInterval(timer);
    });
  });
  return { url, asked, sent: () => sent, connected: () => connected };
};

const withComment = (jpeg: Buffer, text: string): Buffer => {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length + 2);
  return Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from([0xff, 0xfe]),
    length,
    Buffer.from(text),
    jpeg.subarray(2),
  ]);
};

let cameras = 0;
const addCamera = async (source: string | null, rate = 20): Promise<string> => {
  const [camera] = await database.rows<{ id: string }>(
    'insert into watchpost.camera (name, location, source, frames_per_second) values ($1, $1, $2, $3) returning id',
    [`camera ${++cameras}`, source, rate],
  );
  return camera!.id;
};
const watchOf = async (camera: string) => {
  const [row] = await database.rows('select * from watchpost.camera_watch where camera_id = $1', [camera]);
  return row;
};
const imagesOf = async (camera: string) =>
  database.rows<{ id: string; sha256: string }>(
    `select id, encode(sha256, 'hex') as sha256 from watchpost.image where camera_id = $1 order by captured_at`,
    [camera],
  );

describe('a camera with a source', () => {
  it('is watched from when its row says so until it says so no more, with what the row says', async () => {
    const { url, asked, connected } = await serveCamera(20);
    const camera = await addCamera(null);
    watch();
    const set = (change: string, values: unknown[] = []) =>
      database.rows(`update watchpost.camera set ${change} where id = '${camera}'`, values);
    await set('source = $1', [url.replace('http://', 'http://guard:secret@')]);
    await until(async () => (await imagesOf(camera)).length > 0);
    await set('source = $1', [`${url}/other`]);
    await until(async () => asked.some((request) => request.url === '/other'));
    await set('source = null');
    await until(async () => connected() === 0 && (await watchOf(camera)).watcher === null);
    expect(await watchOf(camera)).toMatchObject({ problem: null, watcher: null });
  });

  it('is watched by one process at a time; another one takes it when that stops', async () => {
    const { url, connected } = await serveCamera(50);
    const camera = await addCamera(url);
    const first = watch();
    await until(async () => (await watchOf(camera))?.state === 'watching');
    const { watcher } = await watchOf(camera);
    watch();
    await first.stop();
    await until(async () => ![null, watcher].includes((await watchOf(camera)).watcher));
    await until(async () => (await watchOf(camera)).state === 'watching');
    await until(async () => connected() === 1);
  });

  it('drops old frames while nobody works, never new ones, and counts them', async () => {
    const { url, sent } = await serveCamera(20);
    const camera = await addCamera(url, 50);
    const watching = watch();
    await until(async () => ((await watchOf(camera))?.dropped ?? 0) > 10);
    expect(await imagesOf(camera)).toHaveLength(6);
    const seen = sent();
    await database.rows('delete from watchpost.outbox where source = $1', [camera]);
    await until(async () => (await imagesOf(camera)).length === 12);
    // Those that waited in the watcher were the newest, and not those that followed the first six.
    const after = (await imagesOf(camera))[6]!;
    const all = Array.from({ length: sent() }, (_, at) => withComment(sample(2), String(at + 1)));
    const { createHash } = await import('node:crypto');
    const at =
      all.findIndex((bytes) => createHash('sha256').update(bytes).digest('hex') === after.sha256) + 1;
    expect(at).toBeGreaterThan(seen - 10);
    await watching.stop();
    const { read, submitted, dropped } = await watchOf(camera);
    expect(Number(submitted)).toBe((await imagesOf(camera)).length);
    // One at each end may be under way.
    expect(Number(read) - Number(submitted) - Number(dropped)).toBeLessThanOrEqual(4);
  });

  it('is connected to again, and says why there are no frames, without its password', async () => {
    let working = false;
    const { url, asked } = await serve((_, response) => {
      if (working) response.writeHead(200, { 'content-type': 'image/jpeg' }).end(sample(1));
      else response.writeHead(503).end();
    });
    const camera = await addCamera(`${url.replace('http://', 'http://guard:secret@')}/still`);
    watch();
    await until(async () => (await watchOf(camera))?.problem === 'The server answers 503.');
    await until(async () => asked.length > 2);
    const doctor = await watchpost(['doctor', '--json'], { DATABASE_URL: database.url });
    const { findings } = JSON.parse(doctor.stdout);
    const [{ name }] = (await database.rows('select name from watchpost.camera where id = $1', [camera])) as [
      { name: string },
    ];
    expect(findings).toContainEqual(
      expect.objectContaining({
        check: 'cameras',
        well: false,
        found: `1 with a source; ${name}: The server answers 503.`,
      }),
    );
    expect(findings).toContainEqual(expect.objectContaining({ check: 'ffmpeg', well: true }));
    working = true;
    await until(async () => (await watchOf(camera)).state === 'watching');
    const row = await watchOf(camera);
    expect(row).toMatchObject({ problem: null, connected_at: expect.any(Date) });
    expect(Number(row.reconnects)).toBeGreaterThanOrEqual(2);
    expect(
      JSON.stringify(await database.rows('select * from watchpost.camera, watchpost.camera_watch')),
    ).not.toContain('secret');
  });

  it('may not be within a network that the settings do not name', async () => {
    const camera = await addCamera('http://10.1.2.3/still');
    watch();
    await until(async () => /private network/.test((await watchOf(camera))?.problem ?? ''));
  });

  it('is taken over when its worker is killed, and no frame is lost or doubled', async () => {
    const { url, connected } = await serveCamera(50);
    const settings = {
      DATABASE_URL: database.url,
      WATCHPOST_OUTGOING_ALLOW: '127.0.0.1',
      WATCHPOST_CONCURRENCY: '1',
    };
    const first = startProcess(['work', '--watch'], settings);
    await first.says(/is at work/);
    const camera = await addCamera(url, 10);
    await until(async () => Number((await watchOf(camera))?.submitted ?? 0) > 5);
    const acknowledged = Number((await watchOf(camera)).submitted);
    const { watcher } = await watchOf(camera);
    await first.stop('SIGKILL');
    const before = await imagesOf(camera);
    expect(before.length).toBeGreaterThanOrEqual(acknowledged);
    watch();
    await until(async () => (await watchOf(camera)).watcher !== watcher);
    const second = startProcess(['work'], settings);
    await second.says(/is at work/);
    await until(async () => (await imagesOf(camera)).length > before.length + 3);
    expect(connected()).toBe(1);
    const all = await imagesOf(camera);
    expect(new Set(all.map(({ sha256 }) => sha256)).size).toBe(all.length);
    expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining(before.map(({ id }) => id)));
    await database.rows('update watchpost.camera set source = null');
    await until(async () => {
      const [row] = await database.rows(
        `select count(*) filter (where state <> 'done')::integer as open from watchpost.image_status where image_id in (select id from watchpost.image where camera_id = $1)`,
        [camera],
      );
      return row.open === 0;
    });
    await second.stop();
  });
});
