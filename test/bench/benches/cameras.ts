import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Bench, Figures } from '../bench.ts';
import { startWork } from '../installation.ts';
import { childrenOf, cpuSecondsOf } from '../processes.ts';
import type { Server } from '../server.ts';

const cameras = Number(process.env.WATCHPOST_BENCH_CAMERAS ?? 16);
const seconds = Number(process.env.WATCHPOST_BENCH_SECONDS ?? 60);
const rate = 2;

/** A clip with faces; without it a test picture, in which there is nobody. */
const clip =
  process.env.WATCHPOST_BENCH_CLIP ??
  fileURLToPath(new URL('../../../../shared/eval/video/ag_short_hamilton_clip.mp4', import.meta.url));

/** A worker that watches many cameras, each of which plays the clip over and over from another moment on. */
export const camerasBench: Bench = {
  name: 'cameras',
  measures: `a worker with ${cameras} cameras at ${rate} frames a second, H.264 over HTTP, for ${seconds} s`,
  against: 'the same with one camera',
  async prepare(server) {
    const folder = await mkdtemp(join(tmpdir(), 'watchpost-bench-cameras-'));
    const video = join(folder, 'clip.ts');
    const input = existsSync(clip)
      ? ['-i', clip]
      : ['-f', 'lavfi', '-i', 'testsrc=size=640x360:rate=25', '-t', '9'];
    execFileSync('ffmpeg', ['-v', 'error', ...input, '-an', '-c:v', 'libx264', '-g', '25', video]);
    const play = await startPlayer(video);
    return {
      comparisons: [
        {
          rounds: 1,
          ours: () => watched(server, play.url, cameras),
          theirs: () => watched(server, play.url, 1),
          judged: [
            {
              what: 'frames a second and camera that were seen',
              unit: '',
              figure: 'seen',
              by: 'ratio',
              target: null,
            },
            { what: 'dropped', unit: '%', figure: 'dropped', by: 'difference', target: null },
            { what: 'CPU a camera, of a core', unit: '%', figure: 'cpu', by: 'ratio', target: null },
            { what: 'of that decoding', unit: '%', figure: 'decoding', by: 'ratio', target: null },
            { what: 'frame to alert, p50', unit: 'ms', figure: 'p50', by: 'difference', target: null },
            { what: 'frame to alert, p95', unit: 'ms', figure: 'p95', by: 'difference', target: null },
          ],
        },
      ],
      async end() {
        await play.end();
        await rm(folder, { recursive: true, force: true });
      },
    };
  },
};

/** Plays the video to everybody who asks, each from the moment in seconds that the path says, as fast as it was taken. */
const startPlayer = async (video: string) => {
  const players = new Set<ChildProcess>();
  const server = createServer((request, response) => {
    const from = ['-re', '-stream_loop', '-1', '-ss', request.url?.slice(1) ?? '0'];
    const player = spawn(
      'ffmpeg',
      ['-v', 'error', ...from, '-i', video, '-c', 'copy', '-f', 'mpegts', 'pipe:1'],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    players.add(player);
    response.writeHead(200, { 'content-type': 'video/mp2t' });
    player.stdout.pipe(response);
    response.on('close', () => player.kill('SIGKILL'));
    player.on('exit', () => players.delete(player));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async end() {
      for (const player of players) player.kill('SIGKILL');
      server.closeAllConnections();
      server.close();
    },
  };
};

const watched = async (server: Server, url: string, count: number): Promise<Figures> => {
  const database = await server.database('bench_cameras', true);
  const client = await server.client(database);
  const worker = await startWork(database, { watch: true });
  try {
    await client.query(
      `insert into watchpost.camera (name, location, source, frames_per_second, rotation)
       select 'camera ' || n, 'camera ' || n, $1 || '/' || ((n * 0.55)::numeric % 9), $2, 0 from generate_series(1, $3) as n`,
      [url, rate, count],
    );
    await until(
      client,
      `select count(*) = ${count} as met from watchpost.camera_watch where state = 'watching'`,
    );
    await enrolSomebody(client);
    const before = await sum(client, worker.pid);
    await sleep(seconds * 1000);
    const after = await sum(client, worker.pid);
    const per = (name: keyof typeof before) => (after[name] - before[name]) / (seconds * count);
    const { rows } = await client.query<{ p50: number | null; p95: number | null; alerts: number }>(
      `select percentile_cont(0.5) within group (order by l.ms) as p50, percentile_cont(0.95) within group (order by l.ms) as p95,
              count(*)::int as alerts
       from (
         select extract(epoch from e.created_at - i.captured_at)::float8 * 1000 as ms
         from watchpost.event as e
         join watchpost.image as i on i.id = e.image_id
         where e.topic = 'alert.raised' and i.captured_at > clock_timestamp() - make_interval(secs => $1)
       ) as l`,
      [seconds],
    );
    const [alerts] = rows;
    return {
      seen: per('seen'),
      read: per('read'),
      submitted: per('submitted'),
      dropped: (100 * (after.dropped - before.dropped)) / Math.max(1, after.read - before.read),
      cpu: 100 * per('cpu'),
      decoding: 100 * per('decoding'),
      p50: alerts?.p50 ?? Number.NaN,
      p95: alerts?.p95 ?? Number.NaN,
      alerts: alerts?.alerts ?? 0,
    };
  } finally {
    await worker.stop();
    await client.end();
    await server.drop('bench_cameras');
  }
};

/** What was done so far: frames, and seconds of CPU of the worker and of what decodes for it. */
const sum = async (client: pg.Client, pid: number) => {
  const { rows } = await client.query<{ read: number; submitted: number; dropped: number; seen: number }>(
    `select sum(w.read)::float8 as read, sum(w.submitted)::float8 as submitted, sum(w.dropped)::float8 as dropped,
            (select count(*)::float8 from watchpost.image where format is not null) as seen
     from watchpost.camera_watch as w`,
  );
  const children = await childrenOf(pid);
  const used = await Promise.all(children.map((child) => cpuSecondsOf(child).catch(() => 0)));
  const decoding = used.reduce((all, one) => all + one, 0);
  return { ...rows[0]!, decoding, cpu: decoding + (await cpuSecondsOf(pid)) };
};

/** Puts the person of the best face that was seen on a list, so that there are alerts; nobody where no face is. */
const enrolSomebody = async (client: pg.Client): Promise<void> => {
  await sleep(10_000);
  await client.query(
    `with face as (
       select f.image_id, f.ordinal
       from watchpost.face as f
       join watchpost.embedding as e on e.face_id = f.id
       where f.usable and f.height_px >= 100
       order by e.norm desc
       limit 1
     ), list as (
       insert into watchpost.watchlist (name, cooldown) values ('bench', '1 second') returning id
     ), person as (
       insert into watchpost.person (name) select 'somebody' from face returning id
     ), entry as (
       insert into watchpost.watchlist_entry (watchlist_id, person_id) select list.id, person.id from list, person
     )
     insert into watchpost.person_photo (person_id, image_id, chosen_face)
     select person.id, face.image_id, face.ordinal from person, face`,
  );
};

const until = async (client: pg.Client, question: string): Promise<void> => {
  for (;;) {
    const { rows } = await client.query<{ met: boolean }>(question);
    if (rows[0]?.met) return;
    await sleep(100);
  }
};
