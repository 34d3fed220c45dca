import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import {
  type Api,
  admit,
  expectProblem,
  idleProcess,
  keyWith,
  listen,
  type Process,
} from '../http/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { openRaw, type RawConnection, readAnswer } from '../support/raw-call.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let vision: Vision;
let process: Process;
beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  process = await idleProcess(database, vision, 'resting');
});

/** An API with lower limits and a valid key. */
const open = async (lower: Parameters<typeof listen>[3]): Promise<Api> => {
  const api = await listen(database, vision, process, lower);
  await admit(database, api);
  return api;
};

const jpeg = { 'content-type': 'image/jpeg' };
const photoOf = (bytes: number) => {
  const photo = Buffer.alloc(bytes);
  photo.set(sample(4));
  return photo;
};

/** The budget of bytes of all calls in most of these tests. */
const budget = 400_000;

/** Starts to send a photo and stops before its end. */
const beginPhoto = async (
  api: Api,
  bytes: number,
  how = `Content-Length: ${bytes}`,
): Promise<RawConnection> => {
  const raw = await openRaw(api.url);
  raw.write(
    `POST /v1/images HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${api.key}\r\nContent-Type: image/jpeg\r\n${how}\r\n\r\n`,
  );
  return raw;
};

/** A call that holds this many bytes. Starts again if it was refused because a checking call held bytes. */
const holdBesides = async (api: Api, bytes: number, all = budget): Promise<RawConnection> => {
  for (;;) {
    const raw = await beginPhoto(api, bytes);
    let isOpen = true;
    void raw.closed.then(() => {
      isOpen = false;
    });
    const beyond = new Uint8Array(all - bytes + 1);
    await until(async () => !isOpen || (await api.call('POST', '/v1/images', beyond, jpeg)).status === 503);
    if (isOpen) return raw;
  }
};

const untilFree = (api: Api, bytes: number) =>
  until(async () => (await api.call('POST', '/v1/images', photoOf(bytes), jpeg)).status === 202);

describe('bodies of all calls together', () => {
  it('may have as many bytes as the budget; one more is refused with 503 and Retry-After', async () => {
    const api = await open({ bytesInFlight: budget });
    await holdBesides(api, 100_000);
    expect((await api.call('POST', '/v1/images', photoOf(budget - 100_000), jpeg)).status).toBe(202);
    const answer = await api.call('POST', '/v1/images', photoOf(budget - 99_999), jpeg);
    expect(expectProblem(answer, 'server_busy').hint).toMatch(/fewer photos/);
    expect(answer.headers.get('retry-after')).toBe('5');
  });

  it('count once for each copy in memory: a photo in JSON four times', async () => {
    const image = sample(4).toString('base64');
    const all = Math.ceil(4.2 * image.length);
    const api = await open({ bytesInFlight: all });
    const other = await holdBesides(api, 100_000, all);
    expect((await api.call('POST', '/v1/images', sample(4), jpeg)).status).toBe(202);
    expectProblem(await api.call('POST', '/v1/images', { image }), 'server_busy');
    other.socket.destroy();
    await until(async () => (await api.call('POST', '/v1/images', { image })).status === 202);
  });

  it('larger than the budget are accepted while nothing else is held', async () => {
    const api = await open({ bytesInFlight: 1000 });
    expect((await api.call('POST', '/v1/images', sample(4), jpeg)).status).toBe(202);
  });

  it('count by their Content-Length, until they are answered', async () => {
    const api = await open({ bytesInFlight: budget });
    const raw = await holdBesides(api, budget);
    raw.write(photoOf(budget));
    await raw.has('202 Accepted');
    await untilFree(api, budget);
  });

  it('count by what has arrived, if there is no Content-Length', async () => {
    const api = await open({ bytesInFlight: budget });
    await holdBesides(api, 1);
    const raw = await beginPhoto(api, 0, 'Transfer-Encoding: chunked');
    const piece = photoOf(300_000);
    const chunk = (bytes: Uint8Array) => {
      raw.write(`${bytes.length.toString(16)}\r\n`);
      raw.write(bytes);
      raw.write('\r\n');
    };
    chunk(piece);
    await until(
      async () => (await api.call('POST', '/v1/images', new Uint8Array(150_000), jpeg)).status === 503,
    );
    chunk(piece);
    await raw.has('503 Service Unavailable');
    await untilFree(api, budget - 1);
  });

  it.each<[string, (raw: RawConnection) => void]>([
    ['the caller goes away', (raw) => raw.socket.destroy()],
    ['the body is no photo', (raw) => raw.write(Buffer.alloc(budget))],
    ['the caller sends what is no HTTP', (raw) => raw.socket.end()],
  ])('are given back when %s', async (_, end) => {
    const api = await open({ bytesInFlight: budget });
    const raw = await holdBesides(api, budget);
    end(raw);
    await untilFree(api, budget);
  });
});

describe('a call that is never complete', () => {
  it('is answered 408 when its body stops, and gives back what it held', async () => {
    const api = await open({ bodySeconds: 1, bytesInFlight: 400_000 });
    const raw = await beginPhoto(api, 400_000);
    raw.write(photoOf(300_000));
    const answer = readAnswer(await raw.closed);
    expect(expectProblem(answer, 'body_too_slow').detail).toMatch(/in time/);
    await untilFree(api, 400_000);
  });

  it('is answered 408 when its body arrives byte by byte', async () => {
    const api = await open({ bodySeconds: 1 });
    const raw = await beginPhoto(api, 1_000_000);
    const drip = setInterval(() => raw.write('x'), 20);
    onTestFinished(() => clearInterval(drip));
    expectProblem(readAnswer(await raw.closed), 'body_too_slow');
  });

  it('is answered 408 when its headers do not end', async () => {
    const api = await open({ headersSeconds: 1 });
    const raw = await openRaw(api.url);
    raw.write('GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    expect(readAnswer(await raw.closed)).toMatchObject({ status: 408, body: { code: 'body_too_slow' } });
  });

  it('is cut off when nothing more is sent or read', async () => {
    const api = await open({ silentSeconds: 1 });
    const raw = await openRaw(api.url);
    raw.write(`GET /v1/alerts/stream HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${api.key}\r\n\r\n`);
    await raw.has('200 OK');
    await raw.closed;
  });

  it('is refused with problem details if it is not HTTP', async () => {
    const api = await open({});
    for (const words of [
      'HELO there\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\nHost : a\r\n\r\n',
    ]) {
      const raw = await openRaw(api.url);
      raw.write(words);
      expect(readAnswer(await raw.closed)).toMatchObject({ status: 400 });
    }
  });
});

describe('a connection', () => {
  it('is closed a while after its last answer', async () => {
    const api = await open({ keepAliveSeconds: 1 });
    const raw = await openRaw(api.url);
    raw.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    await raw.has('"status":"ok"');
    await raw.closed;
  });

  it('is closed at once when there are too many, and accepted when one has closed', async () => {
    const api = await open({ connections: 3 });
    const health = 'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n';
    const held = await Promise.all([1, 2, 3].map(() => openRaw(api.url)));
    const fourth = await openRaw(api.url);
    expect(await fourth.closed).toBe('');
    held[0]?.socket.destroy();
    await until(async () => {
      const next = await openRaw(api.url);
      next.write(health);
      return next.has('200 OK').then(
        () => true,
        () => false,
      );
    });
  });
});

describe('streams of alerts', () => {
  const status = async (api: Api, key: string, method = 'GET') => {
    const response = await fetch(`${api.url}/v1/alerts/stream`, {
      method,
      headers: { authorization: `Bearer ${key}` },
    });
    // Held until the end: fetch closes the connection of an answer that has been garbage collected.
    onTestFinished(() => response.body?.cancel());
    return response.status;
  };

  it('are counted for each API key and in all', async () => {
    const api = await open({ streams: 5, streamsPerKey: 3 });
    const { key: other } = await keyWith(database, { scopes: ['read'] });
    const opened = [];
    for (const key of [api.key, api.key, api.key, api.key, other, other, other]) {
      opened.push(await status(api, key));
    }
    expect(opened).toEqual([200, 200, 200, 503, 200, 200, 503]);
  });

  it('are not opened by HEAD', async () => {
    const api = await open({ streams: 3 });
    const opened = [];
    for (const method of ['HEAD', 'HEAD', 'HEAD', 'HEAD', 'GET'])
      opened.push(await status(api, api.key, method));
    expect(opened).toEqual([200, 200, 200, 200, 200]);
  });
});
