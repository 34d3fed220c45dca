import { expect, it } from 'vitest';
import {
  cstring,
  errorResponse,
  int32,
  message,
  readyForQuery,
} from '../../src/embedded-database/protocol.ts';
import { Reply } from '../../src/embedded-database/reply.ts';

const row = (size: number) => message('D', Buffer.from([0, 1]), int32(size), Buffer.alloc(size, 'Z'));
const notification = message('A', int32(42), cstring('channel'), cstring('payload'));
const complete = message('C', cstring('SELECT 2'));
const refused = errorResponse({ code: '42601', message: 'syntax error at or near "token_1_"' });
const substitute = errorResponse({ code: '0A000', message: 'not here' });

const stream = Buffer.concat([
  message('1'),
  row(3),
  notification,
  row(300),
  complete,
  message('1'),
  refused,
  readyForQuery('E'),
]);
const shown = Buffer.concat([row(3), row(300), complete, message('1'), substitute]);

it.each([1, 2, 5, 7, 64, stream.length])('reads an answer that comes in chunks of %i bytes', (size) => {
  const reply = new Reply(new Map([['token_1_', substitute]]), true);
  for (let at = 0; at < stream.length; at += size) reply.push(stream.subarray(at, at + size));
  expect(Buffer.concat(reply.pieces).equals(shown)).toBe(true);
  expect(reply.notifications).toEqual([{ channel: 'channel', payload: 'payload' }]);
  expect(reply).toMatchObject({ status: 'E', failed: true, rolledBack: false });
});
