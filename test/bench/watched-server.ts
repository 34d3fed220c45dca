import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { heapSettings, memorySettings } from '../../src/keep-memory.ts';

/** A running API with a worker, and a stream of its alerts. */
export interface WatchedServer {
  /** Submits a photo as raw bytes; resolves with the image's id. */
  post(photo: Uint8Array, camera: string): Promise<string>;
  /** When each camera's first alert arrived on the stream, in ms since 1970; emptied by the caller. */
  readonly alerts: Map<string, number>;
  /** Milliseconds that the vision calls for each image took since it was last asked. */
  compute(): Promise<Map<string, number>>;
  end(): Promise<void>;
}

/** Milliseconds since 1970, with fractions. */
export const now = (): number => performance.timeOrigin + performance.now();

/** Starts it on a database that is up to date. */
export const startWatchedServer = async (url: string): Promise<WatchedServer> => {
  const key = `bench-${randomUUID()}`;
  const plain = Object.entries(process.env).filter(([name]) => !name.startsWith('WATCHPOST_'));
  const child = fork(fileURLToPath(new URL('programs/watched-server.ts', import.meta.url)), {
    serialization: 'advanced',
    execArgv: [...heapSettings, ...process.execArgv],
    env: {
      ...Object.fromEntries(plain),
      ...memorySettings,
      DATABASE_URL: url,
      PORT: '0',
      WATCHPOST_API_KEY: key,
    },
  });
  const gone = new Promise<never>((_, reject) => {
    child.once('exit', (code) => reject(new Error(`The server has ended with ${code}.`)));
  });
  gone.catch(() => {});
  const [address] = (await Promise.race([once(child, 'message'), gone])) as [string];
  const headers = { authorization: `Bearer ${key}` };

  const alerts = new Map<string, number>();
  const leaving = new AbortController();
  const stream = await fetch(new URL('/v1/alerts/stream', address), { headers, signal: leaving.signal });
  const reading = readAlerts(stream, alerts).catch((error) => {
    if (!leaving.signal.aborted) throw error;
  });

  return {
    alerts,
    async post(photo, camera) {
      const response = await fetch(new URL(`/v1/images?camera=${camera}`, address), {
        method: 'POST',
        headers: { ...headers, 'content-type': 'image/jpeg' },
        body: photo as Uint8Array<ArrayBuffer>,
      });
      const body = (await response.json()) as { id: string };
      if (response.status !== 202) throw new Error(`A photo was not taken: ${JSON.stringify(body)}`);
      return body.id;
    },
    async compute() {
      const answer = once(child, 'message');
      child.send('compute');
      const [took] = (await Promise.race([answer, gone])) as [Map<string, number>];
      return took;
    },
    async end() {
      leaving.abort();
      await reading;
      const ended = once(child, 'exit');
      child.disconnect();
      await ended;
    },
  };
};

/** Notes the time at which each alert arrives. */
const readAlerts = async (stream: Response, alerts: Map<string, number>): Promise<void> => {
  let text = '';
  for await (const piece of stream.body!.pipeThrough(new TextDecoderStream())) {
    const arrived = now();
    const events = `${text}${piece}`.split('\n\n');
    text = events.pop()!;
    for (const event of events) {
      const data = /^data: ?(.*)$/m.exec(event)?.[1];
      if (!data) continue;
      const { camera } = JSON.parse(data) as { camera: string };
      if (!alerts.has(camera)) alerts.set(camera, arrived);
    }
  }
};
