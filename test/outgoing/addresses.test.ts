import { beforeAll, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import type { ProblemCode } from '../../src/errors.ts';
import { parseNetwork, parseTarget } from '../../src/outgoing/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const networks = (...list: string[]) => list.map((text) => parseNetwork(text)!);

/** The code with which a URL is refused; undefined: it may be called. */
const refusalOf = (url: string, ...allowed: string[]): ProblemCode | undefined => {
  try {
    parseTarget(url, networks(...allowed));
    return undefined;
  } catch (error) {
    return toWatchpostError(error).code;
  }
};

/** Hosts that lead to this machine, into private networks or to a cloud's metadata, in every notation. */
const refused = [
  // This machine: decimal, octal, hexadecimal, short forms, full-width digits, escapes, a dot at the end.
  ...['127.0.0.1', '127.1', '127.255.255.254', '2130706433', '0x7f000001', '017700000001', '0177.0.0.1'],
  ...['0x7f.1', '0X7F.0.0.1', '127.0.0.1.', '127.0.01', '１２７.0.0.1', '%31%32%37.0.0.1', '127。0。0。1'],
  ...['0', '0.0.0.0', '0x0', '00', '[::]', '[::1]', '[0:0:0:0:0:0:0:1]', '[::0001]'],
  ...['localhost', 'LOCALHOST', 'localhost.', 'api.localhost'],
  // Private, link-local, a provider's network, metadata.
  ...[
    '10.0.0.1',
    '10.1',
    '167772161',
    '012.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '192.168.257',
  ],
  ...['169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '100.64.0.1', '100.100.100.200'],
  ...['168.63.129.16', '192.0.0.192', '198.18.0.1', '192.0.2.1', '198.51.100.7', '203.0.113.9'],
  ...['224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255'],
  ...['[fc00::1]', '[fd00:ec2::254]', '[fe80::1]', '[fec0::1]', '[ff02::1]', '[100::1]'],
  // IPv4 in IPv6: mapped, compatible, NAT64 and its local prefix, 6to4, Teredo.
  ...['[::ffff:10.0.0.1]', '[::ffff:a00:1]', '[0:0:0:0:0:ffff:7f00:1]', '[::ffff:8.8.8.8]', '[::127.0.0.1]'],
  ...[
    '[64:ff9b::10.0.0.1]',
    '[64:ff9b::8.8.8.8]',
    '[64:ff9b:1::1]',
    '[2002:0a00:0001::1]',
    '[2002:808:808::1]',
  ],
  ...['[2001:0:4136:e378:8000:63bf:3fff:fdd2]', '[2001:db8::1]'],
];

const allowed = [
  'guards.example',
  'xn--bcher-kva.example',
  'a-1.example',
  '8.8.8.8',
  '1.1.1.1',
  '172.32.0.1',
].concat(['100.128.0.1', '192.167.0.1', '11.0.0.1', '[2606:4700:4700::1111]', '[2a00:1450:4001:81b::200e]']);

/** The ports that fetch refuses. */
const ports = [1, 7, 22, 25, 53, 110, 143, 389, 465, 587, 636, 993, 2049, 5060, 6000, 6667, 10080];

describe('a URL to be called', () => {
  it.each(refused)('is refused for the address %s', (host) => {
    expect(refusalOf(`https://${host}/hook`)).toBe('address_refused');
    expect(refusalOf(`https://${host}:8443`)).toBe('address_refused');
  });

  it.each(allowed)('is taken for the host %s', (host) => {
    expect(refusalOf(`https://${host}:8443/hook`)).toBeUndefined();
    expect(refusalOf(`http://${host}/hook`), 'plain http').toBe('url_invalid');
  });

  it('is taken, also with plain http, in a network that is named, in every notation of its addresses', () => {
    for (const host of ['10.1.2.3', '167772161', '0xa.1', '[::ffff:10.0.0.1]'])
      expect(refusalOf(`http://${host}/`, '10.0.0.0/8'), host).toBeUndefined();
    expect(refusalOf('http://[fd00::7]/', 'fd00::/8')).toBeUndefined();
    expect(refusalOf('http://127.0.0.1/', '127.0.0.1')).toBeUndefined();
    expect(refusalOf('http://127.0.0.2/', '127.0.0.1')).toBe('address_refused');
    expect(refusalOf('http://11.0.0.1/', '10.0.0.0/8')).toBe('url_invalid');
    expect(refusalOf('https://[64:ff9b::10.0.0.1]/', '10.0.0.0/8'), 'NAT64 leads elsewhere').toBe(
      'address_refused',
    );
  });

  it.each(ports)('is refused for port %i, as fetch refuses it', async (port) => {
    expect(refusalOf(`https://guards.example:${port}/`)).toBe('url_invalid');
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({
      cause: { message: 'bad port' },
    });
  });

  it.each([
    'https://guards.example:0/',
    'https://user:password@guards.example/',
    'https://10.0.0.1@guards.example/',
    'https://guards.example/#top',
    'ftp://guards.example/',
    'file:///etc/passwd',
    'gopher://127.0.0.1:6379/_',
    'guards.example',
    '//guards.example/',
    'https://',
    'https://guards example/',
    'https://guards.example:99999/',
    'https://[fe80::1%25eth0]/',
  ])('is refused: %s', (url) => {
    expect(refusalOf(url)).toBe('url_invalid');
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0',
    '010.0.0.1',
    '0x7f.1',
    'example',
    '::1/129',
    '10.0.0.0/8/8',
    '',
    '10.0.0.0/',
  ])('has no network %o', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });
});

describe('an endpoint that is added by SQL', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  let added = 0;
  /** The SQLSTATE with which it is refused; undefined: it was added. */
  const stateOf = async (url: string, internal = false): Promise<string | undefined> => {
    added += 1;
    return database
      .rows('select watchpost.add_endpoint(name => $1, url => $2, internal => $3)', [
        `e ${added}`,
        url,
        internal,
      ])
      .then(
        () => undefined,
        (error) => error.code,
      );
  };

  it('is refused for every address that the API refuses, and taken for those that it takes', async () => {
    for (const host of refused) {
      const url = `https://${host}/hook`;
      expect([url, await stateOf(url)]).toEqual([url, expect.stringMatching(/^(WP110|WP054)$/)]);
    }
    for (const host of allowed) {
      const url = `https://${host}:8443/hook`;
      expect([url, await stateOf(url)]).toEqual([url, undefined]);
    }
    for (const port of [0, ...ports]) expect(await stateOf(`https://guards.example:${port}/`)).toBe('WP054');
    expect(await stateOf('https://[2606:4700:4700::1111]:25/')).toBe('WP054');
    expect(await stateOf('http://guards.example/')).toBe('WP054');
  });

  it('may lead anywhere if it is said to be internal; whether it is called is up to the sender', async () => {
    expect(await stateOf('http://10.0.0.1:8080/hook', true)).toBeUndefined();
    expect(await stateOf('http://10.0.0.1:25/hook', true), 'but for the port').toBe('WP054');
  });

  it('is refused by the table itself, whoever inserts it', async () => {
    await expect(
      database.rows(
        `insert into watchpost.endpoint (name, url) values ('direct', 'https://169.254.169.254/')`,
      ),
    ).rejects.toMatchObject({ code: '23514', constraint: 'endpoint_url_protected' });
  });
});
