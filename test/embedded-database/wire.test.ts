/** The server's protocol: clients of every kind, hostile ones included. */

import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Embedded } from '../../src/embedded-database/index.ts';
import { message, parse, query, startup, sync } from '../../src/embedded-database/protocol.ts';
import { connectClient, errorCode, execute, RawClient, startInMemory, types } from './support.ts';

let database: Embedded;
beforeAll(async () => {
  database = await startInMemory();
});
afterAll(() => database.stop());

describe('a stranger', () => {
  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['TLS', Buffer.from('16030100f1010000ed0303', 'hex')],
    ['noise', Buffer.concat([Buffer.from([0x7f]), randomBytes(4096)])],
    ['a startup packet of no length', Buffer.alloc(8)],
    ['an unknown protocol version', Buffer.from('0000000800020000', 'hex')],
  ])('that speaks %s is cut off, and others do not notice', async (_, bytes) => {
    const other = await connectClient(database.url);
    const raw = new RawClient(database.url);
    raw.send(bytes);
    await raw.closed;
    expect((await other.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  it.each([
    ['noise after its startup', '08P01', Buffer.from([0x21, 0, 0, 0, 8, 1, 2, 3, 4])],
    ['a message without an end', '08P01', Buffer.from([0x50, 0, 0, 0, 6, 65, 65])],
    ['a negative length', '08P01', Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff])],
    ['a message of 2 GB', '54000', Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff])],
  ])('that sends %s gets an error and is disconnected', async (_, code, bytes) => {
    const other = await connectClient(database.url);
    const raw = await RawClient.open(database.url);
    raw.send(bytes);
    expect(errorCode(await raw.until('E'))).toBe(code);
    await raw.closed;
    expect((await other.query('SELECT 1 AS n')).rows).toEqual([{ n: 1 }]);
  });

  it('that asks for encryption gets none and may go on without', async () => {
    const socket = connect(Number(new URL(database.url).port), '127.0.0.1');
    onTestFinished(() => {
      socket.destroy();
    });
    const answerTo = async (bytes: Buffer): Promise<string> => {
      socket.write(bytes);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString('latin1');
    };
    expect(await answerTo(Buffer.from('0000000804d2162f', 'hex'))).toBe('N');
    expect(await answerTo(Buffer.from('0000000804d21630', 'hex'))).toBe('N');
    expect(await answerTo(startup({ user: 'someone' }))).toMatch(/^R/);
  });
});

it('still runs what a client sent before it closed its side', async () => {
  const client = await connectClient(database.url);
  await client.query('CREATE TABLE last_wish (a int)');
  const raw = await RawClient.open(database.url);
  await client.query('BEGIN');
  raw.socket.end(query('INSERT INTO last_wish VALUES (1)'));
  // a few round trips, so that the end is noticed while the statement still waits for its turn
  for (let i = 0; i < 5; i++) await client.query('SELECT 1');
  await client.query('COMMIT');
  expect(types(await raw.until('Z'))).toBe('CZ');
  await raw.closed;
  expect((await client.query('SELECT * FROM last_wish')).rows).toEqual([{ a: 1 }]);
});

it('reports the settings a driver needs, and each client its own process id', async () => {
  const [one, two] = [new RawClient(database.url), new RawClient(database.url)];
  for (const raw of [one, two]) raw.send(startup({ user: 'a', application_name: 'test' }));
  const [a, b] = [await one.until('Z'), await two.until('Z')];
  const parameters = a.filter(({ type }) => type === 'S').map(({ body }) => body.toString().split('\0'));
  expect(Object.fromEntries(parameters)).toMatchObject({
    application_name: 'test',
    client_encoding: 'UTF8',
    integer_datetimes: 'on',
    standard_conforming_strings: 'on',
  });
  const key = (messages: typeof a) => messages.find(({ type }) => type === 'K')!.body.toString('hex');
  expect(key(a)).not.toBe(key(b));
});

it('carries 5 MB of bytes there and back, as binary', async () => {
  const client = await connectClient(database.url);
  const bytes = randomBytes(5 * 1024 * 1024);
  await client.query('CREATE TABLE blob (b bytea)');
  await client.query('INSERT INTO blob VALUES ($1)', [bytes]);
  // Without the driver, which would read the binary value as text.
  const raw = await RawClient.open(database.url);
  const binaryResult = message('B', Buffer.from('\0\0'), Buffer.from([0, 0, 0, 0, 0, 1, 0, 1]));
  raw.send(parse('', 'SELECT b FROM blob'), binaryResult, execute(''), sync());
  const row = (await raw.until('Z')).find(({ type }) => type === 'D')!;
  expect(bytes.equals(row.body.subarray(6))).toBe(true);
});

it('runs a batch that is larger than it keeps together', async () => {
  const client = await connectClient(database.url);
  const text = 'x'.repeat(20 * 1024 * 1024);
  expect((await client.query('SELECT length($1::text) AS n', [text])).rows).toEqual([{ n: text.length }]);
});

it('serves others while a client does not read its 60 MB, which all arrive', async () => {
  const client = await connectClient(database.url);
  const raw = await RawClient.open(database.url);
  const before = raw.bytes;
  raw.socket.pause();
  raw.send(
    ...Array.from({ length: 3 }, () => query("SELECT repeat('x', 1000000) FROM generate_series(1, 20)")),
  );
  for (let i = 0; i < 20; i++) await client.query('SELECT 1');
  raw.socket.resume();
  for (let i = 0; i < 3; i++) expect(types(await raw.until('Z'))).toBe(`T${'D'.repeat(20)}CZ`);
  expect(raw.bytes - before).toBeGreaterThan(60_000_000);
});

it('listens on 127.0.0.1 only', async () => {
  const port = Number(new URL(database.url).port);
  // all of 127.0.0.0/8 is this machine on Linux: a server on every address would answer
  const socket = connect(port, process.platform === 'linux' ? '127.0.0.2' : '::1');
  await expect(once(socket, 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

const psql = spawnSync('psql', ['--version']).error === undefined;
it.skipIf(!psql)('serves psql (skipped where there is no psql)', async () => {
  const commands = [
    'CREATE TABLE shown (a int)',
    '\\d shown',
    '\\dt',
    'SELECT 6 * 7',
    'LISTEN c',
    "NOTIFY c, 'heard'",
  ];
  const { stdout } = await promisify(execFile)('psql', [
    ...['-X', '-v', 'ON_ERROR_STOP=1', database.url],
    ...commands.flatMap((command) => ['-c', command]),
  ]);
  expect(stdout).toMatch(/Table "public.shown"/);
  expect(stdout).toMatch(/public \| shown +\| table/);
  expect(stdout).toMatch(/ 42/);
  expect(stdout).toMatch(/notification "c" with payload "heard"/);
});
