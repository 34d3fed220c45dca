import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { sourceAt } from '../../src/sources/index.ts';
import { startWatching } from '../../src/streams/index.ts';
import { atEnd } from '../support/at-end.ts';
import { type Certificate, makeCertificate, trust } from '../support/certificates.ts';
import { freshDatabase } from '../support/database.ts';
import { forward } from '../support/forward.ts';
import { sample } from '../support/photos.ts';
import { hasRtspServer, needsRtspServer, startRtspServer } from '../support/rtsp.ts';
import { until } from '../support/until.ts';
import { hasFfmpeg, loopback, take } from '../support/video.ts';

/** Each name leads to loopback. */
const named = { ...loopback, resolve: async () => ['127.0.0.1'] };
const userinfo = 'guard:p%40ss%2Fword';
const anotherName = /cannot be reached: .*for another name.* \(ERR_TLS_CERT_ALTNAME_INVALID\)/;
const unknownAuthority = /cannot be reached: .*signed by nobody.* NODE_EXTRA_CA_CERTS \(\w+\)/;

let certificate: Certificate;
beforeAll(() => {
  certificate = makeCertificate('DNS:camera.example');
});

describe.skipIf(!hasFfmpeg || !hasRtspServer)(`RTSP over TCP ${needsRtspServer}`, () => {
  let server: Awaited<ReturnType<typeof startRtspServer>>;
  beforeAll(async () => {
    server = await startRtspServer();
  });

  it('comes with the password of the camera, and again after the server was killed', async () => {
    const database = await freshDatabase();
    // The camera is known at this port only, through which no UDP comes.
    const { port, seen } = await forward(server.port);
    const add = async (name: string, login: string) =>
      database.rows(
        `insert into watchpost.camera (name, location, source, frames_per_second) values ($1, $1, $2, 5)`,
        [name, `rtsp://${login}@127.0.0.1:${port}/gate`],
      );
    await add('gate', userinfo);
    await add('wrong', 'guard:wrong-secret');
    const watching = startWatching({
      watcher: randomUUID(),
      database,
      outgoing: loopback,
      log: openLog('silent'),
    });
    atEnd(() => watching.stop());
    const watchOf = async (name: string) => {
      const [row] = await database.rows(
        `select w.problem, w.read, w.state from watchpost.camera_watch as w
         join watchpost.camera as c on c.id = w.camera_id where c.name = $1`,
        [name],
      );
      return row;
    };
    const read = async () => Number((await watchOf('gate'))?.read ?? 0);
    await until(async () => (await read()) > 3);
    expect(seen.bytes).toBeGreaterThan(10_000);
    const refused = await until(async () => (await watchOf('wrong'))?.problem);
    expect(refused).toBe('The server refuses the user and password, or asks for them.');
    await database.rows(`update watchpost.camera set source = null where name = 'wrong'`);
    await server.kill();
    await until(async () => (await watchOf('gate')).problem !== null);
    const before = await read();
    await server.start();
    await until(async () => (await read()) > before + 3);
    expect(await watchOf('gate')).toMatchObject({ problem: null });
    await watching.stop();
  });

  it('by TLS comes from the server whose certificate is verified, and from no other one', async () => {
    const { port, seen } = await forward(server.port, { certificate });
    const at = (host: string, more = '') => sourceAt(`rtsps://${host}:${port}/gate${more}`);
    const fingerprint = `#sha256=${certificate.fingerprint}`;
    await expect(take(at('camera.example'), 1, { userinfo }, named)).rejects.toThrow(unknownAuthority);
    // A camera whose certificate nobody but itself has signed, under whatever name.
    const other = `#sha256=${certificate.fingerprint.replace(/^../, (digits) => (digits === '00' ? '01' : '00'))}`;
    await expect(take(at('127.0.0.1', other), 1, { userinfo }, named)).rejects.toThrow(/another certificate/);
    expect(seen.bytes).toBe(0);
    expect(await take(at('127.0.0.1', fingerprint), 2, { userinfo, rate: 10 }, named)).toHaveLength(2);

    trust(certificate);
    await expect(take(at('other.example'), 1, { userinfo }, named)).rejects.toThrow(anotherName);
    expect(await take(at('camera.example'), 2, { userinfo, rate: 10 }, named)).toHaveLength(2);
    await expect(take(at('camera.example'), 1, { userinfo: 'guard:wrong' }, named)).rejects.toThrow(
      /refuses the user and password/,
    );
  });
});

describe.skipIf(!hasFfmpeg)('a source of RTSP', () => {
  it.each(['rtsp', 'rtsps'])('by %s does not follow the server to another one', async (scheme) => {
    let connected = 0;
    const elsewhere = createServer(() => (connected += 1));
    await once(elsewhere.listen(0, '127.0.0.1'), 'listening');
    const { port: inside } = elsewhere.address() as AddressInfo;
    const { key, cert, fingerprint } = certificate;
    const answer = (socket: Socket) => {
      socket.on('error', () => {});
      socket.on('data', (asked) => {
        const [, sequence] = /CSeq: (\d+)/.exec(asked.toString()) ?? [];
        socket.write(`RTSP/1.0 302 Found\r\nCSeq: ${sequence}\r\nLoc`);
        socket.write(`ation: rtsp://127.0.0.1:${inside}/\r\n\r\n`);
      });
    };
    const server = scheme === 'rtsp' ? createServer(answer) : createTls({ key, cert }, answer);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    atEnd(() => [elsewhere, server].map((one) => one.close()));
    const { port } = server.address() as AddressInfo;
    const source = sourceAt(
      `${scheme}://camera.example:${port}/gate${scheme === 'rtsps' ? `#sha256=${fingerprint}` : ''}`,
    );
    await expect(take(source, 1, {}, named)).rejects.toThrow(/cannot be read/);
    expect(connected).toBe(0);
  });
});

describe('a source by https', () => {
  it('comes from the server whose certificate is verified, and from no other one', async () => {
    let asked = 0;
    // Another certificate, which the tests above have not trusted.
    const own = makeCertificate('DNS:camera.example');
    const server = createHttps({ key: own.key, cert: own.cert }, (_, response) => {
      asked += 1;
      response.writeHead(200, { 'content-type': 'image/jpeg' }).end(sample(1));
    });
    server.on('tlsClientError', () => {});
    await once(server.listen(0, '127.0.0.1'), 'listening');
    atEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const at = (host: string) => sourceAt(`https://${host}:${port}/still.jpg`);
    await expect(take(at('camera.example'), 1, { userinfo }, named)).rejects.toThrow(unknownAuthority);
    trust(own);
    await expect(take(at('other.example'), 1, { userinfo }, named)).rejects.toThrow(anotherName);
    expect(asked).toBe(0);
    expect(await take(at('camera.example'), 1, {}, named)).toHaveLength(1);
  });
});
