import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { connectAsync } from 'mqtt';
import { beforeAll, describe, expect, it } from 'vitest';
import { connectBroker } from '../../src/bridge/brokers/index.ts';
import { send } from '../../src/endpoints/kinds/index.ts';
import { messageOf } from '../../src/endpoints/message.ts';
import type { Outgoing } from '../../src/outgoing/index.ts';
import { sourceAt } from '../../src/sources/index.ts';
import { goByTls, type SecureBroker } from '../bridge/support.ts';
import { spawnWatchpost } from '../commands/support.ts';
import { openMail } from '../endpoints/receivers/mail.ts';
import { atEnd } from '../support/at-end.ts';
import { programs, startKafkaDouble, startMosquitto, startNats } from '../support/brokers.ts';
import { type Certificate, makeCertificate, trust } from '../support/certificates.ts';
import { freshDatabase } from '../support/database.ts';
import { forward } from '../support/forward.ts';
import { sample } from '../support/photos.ts';
import { outgoing } from '../support/pipeline.ts';
import { take } from '../support/video.ts';

/** Each name leads to this machine. */
const named: Outgoing = { ...outgoing, resolve: async () => ['127.0.0.1'] };
const unknownAuthority = /signed by nobody whom this machine trusts: .*NODE_EXTRA_CA_CERTS/;
const anotherName = /is for another name/;

const message = messageOf(
  'msg_1',
  '{"type": "test", "data": {}}',
  { title_template: null, text_template: null },
  { link: undefined, picture: undefined },
);
const sendTo = (
  kind: 'mqtt' | 'email',
  url: string,
  settings: Record<string, string>,
  credential = 'secret',
) => send(kind, message, { url, settings, credential, secrets: [] }, named);

describe.skipIf(!programs.mosquitto || !programs.nats || !programs.kcat)(
  'brokers by TLS (needs mosquitto, nats-server, kcat)',
  () => {
    // The double of Kafka names its own address.
    const certificate = makeCertificate('DNS:broker.example', 'IP:127.0.0.1');
    let mosquitto: Awaited<ReturnType<typeof startMosquitto>>;
    beforeAll(async () => {
      mosquitto = await startMosquitto(['guard', 'secret'], certificate);
    });

    it('an endpoint of MQTT and Frigate’s broker are refused while their authority is unknown', async () => {
      const { port } = mosquitto;
      const { error } = await sendTo('mqtt', `mqtts://broker.example:${port}`, { user: 'guard' });
      expect(error).toMatch(unknownAuthority);
      const frigate = sourceAt(`mqtts://broker.example:${port}/frigate`);
      await expect(take(frigate, 1, { userinfo: 'guard:secret' }, named)).rejects.toThrow(unknownAuthority);
    });

    it('a bridge, and what it shows, is as good as the certificate', async () => {
      const [address, nats] = await Promise.all([startKafkaDouble(), startNats(certificate)]);
      const own = Number(address.split(':')[1]);
      const kafka = await forward(own, { certificate, answer: withPort(own) });
      const plain = await startMosquitto(undefined, certificate);
      const brokers: SecureBroker[] = [
        { kind: 'kafka', scheme: 'kafkas', port: kafka.port, address: 'secure' },
        { kind: 'nats', scheme: 'tls', port: nats.port, address: 'secure.{topic}' },
        { kind: 'mqtt', scheme: 'mqtts', port: plain.port, address: 'secure/{topic}' },
      ];
      const database = await freshDatabase();
      await goByTls(database, brokers, certificate);

      // In a process of its own, which trusts what its environment says.
      await database.rows(
        `select watchpost.add_bridge('by address', 'mqtt', 'out', $1, 'secure', '{image.received}')`,
        [plain.url],
      );
      const test = (settings: Record<string, string>) =>
        spawnWatchpost(['bridge', 'test', 'by address'], {
          DATABASE_URL: database.url,
          WATCHPOST_OUTGOING_ALLOW: '127.0.0.1',
          ...settings,
        });
      const [trusting, other] = await Promise.all([
        test({ NODE_EXTRA_CA_CERTS: certificate.certFile }),
        test({}),
      ]);
      expect(trusting).toMatchObject({ code: 0 });
      expect(other.code).toBe(1);
      expect(other.stdout + other.stderr).toMatch(unknownAuthority);
    });

    it('an endpoint of MQTT and Frigate’s broker are connected under the name of the certificate', async () => {
      trust(certificate);
      const { port } = mosquitto;
      const good = await sendTo('mqtt', `mqtts://broker.example:${port}`, { user: 'guard' });
      expect(good.error).toBeNull();
      const wrong = await sendTo('mqtt', `mqtts://other.example:${port}`, { user: 'guard' });
      expect(wrong.error).toMatch(anotherName);

      const frigate = (host: string) => sourceAt(`mqtts://${host}:${port}/frigate`);
      const userinfo = 'guard:secret';
      await expect(take(frigate('other.example'), 1, { userinfo }, named)).rejects.toThrow(anotherName);
      const client = await connectAsync(`mqtts://127.0.0.1:${port}`, {
        username: 'guard',
        password: 'secret',
      });
      atEnd(() => client.endAsync(true));
      // What nobody has subscribed to yet is gone: it is published again until it was taken.
      const again = setInterval(() => client.publish('frigate/gate/person/snapshot', sample(1)), 50);
      const [frame] = await take(frigate('broker.example'), 1, { userinfo }, named).finally(() =>
        clearInterval(again),
      );
      expect(frame!.bytes.equals(sample(1))).toBe(true);
    });
  },
);

it('a server of NATS that offers no TLS is told no password by tls://', async () => {
  let told = '';
  const server = createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (piece) => {
        told += piece;
      });
    socket.write('INFO {"server_id": "x", "version": "2.9.0", "proto": 1, "max_payload": 1048576}\r\n');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  atEnd(() => server.close());
  const { port } = server.address() as AddressInfo;
  const bridge = {
    ...({ id: 'plain', site_id: null, name: 'plain', kind: 'nats', direction: 'out' } as const),
    ...({ address: 'secure', topics: [], mode: 'binary', camera: null } as const),
    url: `tls://broker.example:${port}`,
  };
  const credentials = { username: 'guard', password: 'secret' };
  const connecting = connectBroker({ bridge, credentials, outgoing: named, maxBytes: 1_000 });
  await expect(connecting).rejects.toThrow(/does not support 'tls'/);
  expect(told).toBe('');
});

/** The address that a broker of Kafka names, with the port at which it speaks TLS. */
const withPort =
  (own: number) =>
  (piece: Buffer, port: number): Buffer => {
    const place = Buffer.from('127.0.0.1....');
    place.writeInt32BE(own, 9);
    for (let at = piece.indexOf(place); at !== -1; at = piece.indexOf(place, at + 1))
      piece.writeInt32BE(port, at + 9);
    return piece;
  };

describe.each([
  { scheme: 'smtps', secure: true, what: 'TLS from the first byte on' },
  { scheme: 'smtp', secure: false, what: 'STARTTLS' },
])('a mail server with $what', ({ scheme, secure }) => {
  it('is told the password under the name of its certificate, and in no other case', async () => {
    const certificate: Certificate = makeCertificate('DNS:mail.example');
    const mail = await openMail('guard', 'secret', certificate, secure);
    const settings = { from: 'a@mail.example', to: 'b@mail.example', user: 'guard' };
    const at = (host: string) => sendTo('email', `${scheme}://${host}:${mail.port}`, settings);
    expect((await at('mail.example')).error).toMatch(unknownAuthority);
    trust(certificate);
    expect((await at('other.example')).error).toMatch(anotherName);
    expect(mail.logins).toEqual([]);
    expect(await at('mail.example')).toMatchObject({ status: 250, error: null });
    expect(mail.logins).toEqual([{ secure: true }]);
  });
});

describe('a mail server without TLS', () => {
  it('is told no password, and of a named network sent mail without one', async () => {
    const mail = await openMail('guard', 'secret');
    const settings = { from: 'a@mail.example', to: 'b@mail.example' };
    const refused = await sendTo('email', mail.url, { ...settings, user: 'guard' });
    expect(refused.error).toMatch(/It has no STARTTLS, without which no password is sent: use smtps/);
    const secure = await sendTo('email', mail.url.replace('smtp', 'smtps'), { ...settings, user: 'guard' });
    expect(secure.error).toMatch(/does not speak TLS/);
    expect(mail.logins).toEqual([]);
    expect(await sendTo('email', mail.url, settings)).toMatchObject({ status: 250, error: null });
  });
});
