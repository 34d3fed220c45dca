import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RtspServer } from 'rtsp-streaming-server';
import { type Outgoing, parseNetwork } from '../../src/outgoing/index.ts';
import type { Frame, Source, SourceSettings } from '../../src/sources/index.ts';
import { atEnd } from './at-end.ts';
import { freePort } from './postgres.ts';
import { until } from './until.ts';

/** Whether this machine has ffmpeg, without which sources of video are not tested. */
export const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
export const needsFfmpeg = '(needs ffmpeg)';

/** A folder that is removed when the test file has ended. */
export const videoFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'watchpost-video-'));
  atEnd(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** Makes what these arguments of ffmpeg say. */
export const ffmpeg = (...args: string[]): void => {
  execFileSync('ffmpeg', ['-v', 'error', '-y', '-nostdin', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
};

/** The input of ffmpeg for a moving test picture of 320 x 240. */
export const testPicture = (rate: number, seconds?: number): string[] => [
  ...['-f', 'lavfi', '-i', `testsrc=size=320x240:rate=${rate}`],
  ...(seconds === undefined ? [] : ['-t', String(seconds)]),
];

/** A process of ffmpeg that goes on; killed when the test file has ended. */
export const startFfmpeg = (...args: string[]): ChildProcess => {
  const child = spawn('ffmpeg', ['-v', 'error', '-nostdin', ...args], { stdio: 'ignore' });
  atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
};

/** An HTTP server on loopback; closed when the test file has ended. */
export const serve = async (answer: RequestListener): Promise<{ url: string; asked: IncomingMessage[] }> => {
  const asked: IncomingMessage[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    asked.push(request);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
};

/** A server of RTSP that asks for guard and `p@ss/word`, and a moving test picture that is published to it. */
export const serveRtsp = async (rate = 10): Promise<{ url: string; publisher: ChildProcess }> => {
  const [publishing, reading, rtp] = [
    await freePort(),
    await freePort(),
    20_000 + 2 * Math.floor(Math.random() * 10_000),
  ];
  const server = new RtspServer({
    ...{ serverPort: publishing, clientPort: reading, rtpPortStart: rtp, rtpPortCount: 200 },
    clientServerHooks: {
      authentication: async (user: string, password: string) => user === 'guard' && password === 'p@ss/word',
    },
  });
  await server.start();
  atEnd(async () => {
    for (const one of [server.ClientServer.server, server.PublishServer.server]) one.close();
  });
  const to = `rtsp://127.0.0.1:${publishing}/gate`;
  const publisher = startFfmpeg(
    '-re',
    ...testPicture(rate),
    '-c:v',
    'mpeg4',
    '-b:v',
    '2M',
    '-g',
    '10',
    '-f',
    'rtsp',
    to,
  );
  await until(async () => server.Mounts.mounts['/gate']?.streams[0]);
  return { url: `rtsp://127.0.0.1:${reading}/gate`, publisher };
};

/** The settings of a source of which nothing is set. */
export const plainSettings: SourceSettings = {
  ...{ rate: 5, region: null, frameWidth: null, userinfo: null, position: null, camera: 'gate' },
};

/** Loopback only. */
export const loopback: Outgoing = { networks: [parseNetwork('127.0.0.1')!] };

/** The first frames of a source, or all that it has. */
export const take = async (
  source: Source,
  count: number,
  settings: Partial<SourceSettings> = {},
  outgoing = loopback,
): Promise<Frame[]> => {
  const ending = new AbortController();
  const frames: Frame[] = [];
  const all = source.frames({ ...plainSettings, ...settings }, { outgoing, signal: ending.signal });
  for await (const frame of all) {
    frames.push(frame);
    if (frames.length === count) break;
  }
  ending.abort();
  return frames;
};
