import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/pool.ts';
import { openLog } from '../../src/log.ts';
import { version } from '../../src/version.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, ask, expectProblem, idleProcess, listen } from './support.ts';

/** A way to the database that can be cut. */
class Bridge {
  readonly #to: URL;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(url: string) {
    this.#to = new URL(url);
  }

  get url(): string {
    const url = new URL(this.#to);
    url.host = `127.0.0.1:${this.#port}`;
    return url.toString();
  }

  async open(): Promise<void> {
    this.#server = createServer((near) => {
      const far = connect(Number(this.#to.port), this.#to.hostname);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => {}).on('close', () => other.destroy());
        one.pipe(other);
      }
    });
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async cut(): Promise<void> {
    if (!this.#server?.listening) return;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }
}

describe('health', () => {
  let bridge: Bridge;
  let api: Api;
  let database: TestDatabase;

  beforeAll(async () => {
    database = await freshDatabase();
    bridge = new Bridge(database.url);
    await bridge.open();
    const bridged = openDatabase(bridge.url, { log: openLog('silent') });
    atEnd(async () => {
      await bridged.close();
      await bridge.cut();
    });
    const vision = await realVision();
    api = await listen(bridged, vision, await idleProcess(bridged, vision, 'resting'));
    await admit(bridged, api);
  });

  const get = (path: string) => ask(`${api.url}${path}`, 'GET');

  it('is answered without a key', async () => {
    expect(await get('/healthz')).toMatchObject({ status: 200, body: { status: 'ok', version } });
    const { status, body } = await get('/readyz');
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'ready',
      version,
      models: expect.arrayContaining([expect.any(String)]),
      workers: 0,
      waiting: 0,
      oldest_seconds: null,
      warnings: ['No worker is alive: photos wait.'],
    });
  });

  it('follows the database: not ready while it is away, ready once it is back, alive throughout', async () => {
    await bridge.cut();
    const away = await get('/readyz');
    const photo = await api.call('POST', '/v1/images', Buffer.from('x'), { 'content-type': 'image/jpeg' });
    expect((await get('/healthz')).status).toBe(200);
    for (const answer of [away, photo]) {
      expectProblem(answer, 'database_unavailable');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    await bridge.open();
    expect(await get('/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
  });

  it.skipIf(!onServer)(
    `is not ready while the database takes no writes, as in recovery ${onServer ? '' : needsServer}`,
    async () => {
      const setReadOnly = async (value: 'on' | 'off') => {
        await database.rows('set default_transaction_read_only = off');
        await database.rows(
          `alter database ${new URL(database.url).pathname.slice(1)} set default_transaction_read_only = ${value}`,
        );
        await bridge.cut();
        await bridge.open();
      };
      await setReadOnly('on');
      // Until it is noticed that the connections are gone, the database cannot be reached.
      await expect.poll(async () => (await get('/readyz')).body.detail).toContain('takes no writes');
      const answers = [
        await get('/readyz'),
        await api.call('GET', '/v1/cameras'),
        await api.call('POST', '/v1/images', sample(1), { 'content-type': 'image/jpeg' }),
      ];
      for (const answer of answers) {
        expectProblem(answer, 'database_unavailable');
        expect(answer.body.detail).toContain('takes no writes');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      }
      await setReadOnly('off');
      await expect.poll(async () => (await get('/readyz')).status).toBe(200);
    },
  );

  it('knows what waits, and whether somebody will do it', async () => {
    const photo = await api.call('POST', '/v1/images', sample(1), { 'content-type': 'image/jpeg' });
    expect(photo.status).toBe(202);
    expect((await get('/readyz')).body).toMatchObject({
      workers: 0,
      waiting: 1,
      oldest_seconds: expect.any(Number),
    });
    await database.rows(
      `insert into watchpost.worker (host, pid, version, concurrency) values ('here', 1, '1', 2)`,
    );
    expect((await get('/readyz')).body).toMatchObject({ workers: 1, waiting: 1, warnings: [] });
  });

  it('is not ready without its schema, and says what to do', async () => {
    const client = new pg.Client(bridge.url);
    await client.connect();
    await client.query('alter schema watchpost rename to elsewhere');
    const answer = await get('/readyz');
    expectProblem(answer, 'schema_missing');
    expect(answer.body).toMatchObject({ hint: expect.stringContaining('migrate') });
    await client.query('alter schema elsewhere rename to watchpost');
    await client.end();
    expect((await get('/readyz')).status).toBe(200);
  });
});
