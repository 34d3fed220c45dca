import { type Agent, request } from 'node:http';
import { openRaw, readAnswer } from '../../support/raw-call.ts';
import type { Call } from './calls.ts';
import type { Random } from './random.ts';

/** What came back; status 0: the connection was closed without an answer. */
export interface Outcome {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const closed: Outcome = { status: 0, type: '', text: '' };

/** Sends a call with the API key and reads the answer; of a stream of events, only its beginning. */
export const send = (url: string, key: string, call: Call, agent: Agent): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${key}`, ...call.headers };
    let asked: ReturnType<typeof request>;
    try {
      asked = request(`${url}${call.path}`, { method: call.method, headers, agent });
    } catch (error) {
      reject(error);
      return;
    }
    asked.on('error', (e) => {
      console.log(
        'CLOSED',
        (e as NodeJS.ErrnoException).code,
        e.message,
        call.method,
        call.path.slice(0, 100),
        call.body?.length,
        JSON.stringify(call.headers).slice(0, 200),
      );
      resolve(closed);
    });
    asked.on('response', (response) => {
      const { statusCode: status = 0, headers } = response;
      const type = headers['content-type'] ?? '';
      if (type === 'text/event-stream') {
        resolve({ status, type, text: '' });
        asked.destroy();
        return;
      }
      const pieces: Buffer[] = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('error', () => resolve(closed));
      response.on('end', () => resolve({ status, type, text: Buffer.concat(pieces).toString() }));
    });
    asked.end(call.body);
  });

/** Sends a call as bytes that are broken somewhere, and then nothing more. */
export const sendBroken = async (url: string, key: string, call: Call, random: Random): Promise<Outcome> => {
  const raw = await openRaw(url);
  const body = call.body ?? Buffer.from('{}');
  const head = (length: string) =>
    `${call.method} ${call.path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${call.headers['content-type'] ?? 'application/json'}\r\n${length}\r\n\r\n`;
  const wholes: readonly (() => Buffer[])[] = [
    () => [Buffer.from(head(`Content-Length: ${body.length + 10}`)), body],
    () => [Buffer.from(head(`Content-Length: ${Math.max(body.length - 1, 0)}`)), body],
    () => [Buffer.from(head('Content-Length: 5\r\nTransfer-Encoding: chunked')), body],
    () => [Buffer.from(head('Content-Length: 99999999999999999999')), body],
    () => [Buffer.from(head('Content-Length: -1')), body],
    () => [
      Buffer.from(head('Transfer-Encoding: chunked')),
      Buffer.from(`${(body.length + 9).toString(16)}\r\n`),
      body,
    ],
    () => [Buffer.from(head('Transfer-Encoding: chunked')), Buffer.from('zz\r\n'), body],
    () => [Buffer.from(head('Transfer-Encoding: gzip, chunked')), Buffer.from('0\r\n\r\n')],
    () => [Buffer.from(head(`X-Many: ${'y'.repeat(20_000)}`)), body],
    () => [Buffer.from(head('Expect: a miracle\r\nContent-Length: 0'))],
    () => [Buffer.from(head('Upgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 0'))],
    () => [Buffer.from(`${call.method} ${call.path} HTTP/9.9\r\n\r\n`)],
    () => [Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')],
  ];
  for (const part of random.pick(wholes)()) raw.write(part);
  raw.socket.end();
  const { status, headers, text } = readAnswer(await raw.closed);
  return status > 0 ? { status, type: headers.get('content-type') ?? '', text } : closed;
};
