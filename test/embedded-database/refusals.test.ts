/** Statements that would end the engine or access the host are refused, and the connection stays usable. */

import type { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Embedded } from '../../src/embedded-database/index.ts';
import { message, parse, query, sync } from '../../src/embedded-database/protocol.ts';
import { bind, connectClient, errorCode, execute, RawClient, startInMemory, types } from './support.ts';

let database: Embedded;
beforeAll(async () => {
  database = await startInMemory();
});
afterAll(() => database.stop());

let client: Client;
beforeEach(async () => {
  client = await connectClient(database.url);
  await client.query('DROP TABLE IF EXISTS t; CREATE TABLE t (a int)');
});

const refused = { code: '0A000', hint: expect.stringMatching(/INSERT/) };
const rows = async () => (await client.query('SELECT a FROM t')).rows;

it.each([
  'COPY t FROM STDIN',
  '/* hidden */ cOpY t FROM stdin',
  'INSERT INTO t VALUES (1); COPY t FROM STDIN',
  "COPY t FROM '/etc/passwd'",
  "COPY t FROM PROGRAM 'id'",
  "COPY t TO PROGRAM 'cat'",
])('refuses %s, whole and in either protocol', async (sql) => {
  const pid = database.pid();
  await expect(client.query(sql)).rejects.toMatchObject(refused);
  expect(await rows()).toEqual([]);
  const last = sql.split(';').at(-1)!;
  await expect(client.query({ text: last, values: [] as unknown[], name: 'copy' })).rejects.toMatchObject(
    refused,
  );
  expect(await rows()).toEqual([]);
  expect(database.pid()).toBe(pid);
});

it('skips what is pipelined behind a refused Parse, up to Sync', async () => {
  const raw = await RawClient.open(database.url);
  raw.send(parse('', 'INSERT INTO t VALUES (1)'), bind('', ''), execute(''));
  raw.send(parse('', 'COPY t FROM STDIN'), bind('', ''), execute(''));
  raw.send(parse('', 'INSERT INTO t VALUES (2)'), bind('', ''), execute(''), sync());
  raw.send(query('SELECT 1'));
  const answer = await raw.until('Z');
  expect(types(answer)).toBe('12CEZ');
  expect(errorCode(answer)).toBe('0A000');
  expect(types(await raw.until('Z'))).toBe('TDCZ');
  // all up to the Sync was one transaction
  expect(await rows()).toEqual([]);
});

it('fails the transaction in which COPY was refused', async () => {
  await client.query('BEGIN');
  await expect(client.query('COPY t FROM STDIN')).rejects.toMatchObject(refused);
  await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
  await client.query('ROLLBACK');
  expect(await rows()).toEqual([]);
});

it('drops the rows a client sends for a COPY that was refused', async () => {
  const raw = await RawClient.open(database.url);
  raw.send(query('COPY t FROM STDIN'), message('d', Buffer.from('1\n')), message('c'), query('SELECT 1'));
  expect(errorCode(await raw.until('Z'))).toBe('0A000');
  expect(types(await raw.until('Z'))).toBe('TDCZ');
});

it('lets COPY TO STDOUT through', async () => {
  await client.query('INSERT INTO t VALUES (1), (2)');
  const raw = await RawClient.open(database.url);
  raw.send(query('COPY t TO STDOUT'));
  const answer = await raw.until('Z');
  expect(types(answer)).toBe('HddcCZ');
  expect(answer[1]!.body.toString()).toBe('1\n');
});

it('runs no program for a COPY that a function body hides', async () => {
  const hidden = `DO $$ BEGIN EXECUTE 'COPY t FROM PROGRAM ''id'''; END $$`;
  await expect(client.query(hidden)).rejects.toThrow(/could not execute command/);
  expect(await rows()).toEqual([]);
});

it('makes an error of a trigger that fires itself', async () => {
  await client.query(`
    CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO t VALUES (new.a + 1); RETURN NULL; END $$;
    CREATE TRIGGER again AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION again();
  `);
  await expect(client.query('INSERT INTO t VALUES (1)')).rejects.toMatchObject({ code: '54001' });
  expect(await rows()).toEqual([]);
});
