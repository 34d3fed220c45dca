import { Agent, request } from 'node:http';
import { expectContract } from '../../support/contract.ts';
import { openRaw, readAnswer } from '../../support/raw-call.ts';
import type { Random } from './random.ts';
import type { Call } from './requests.ts';

/** An answer. Status 0 means that the connection was closed without one. */
export interface Outcome {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** An outcome that fits the OpenAPI document; throws if it does not. */
const asDocumented = (url: string, { method, path }: Call, outcome: Outcome): Outcome => {
  const { status, type, text } = outcome;
  const body = type.includes('json') && text !== '' ? JSON.parse(text) : undefined;
  // Node itself answers an unknown Expect header and an invalid URL.
  const ours = status !== 0 && status !== 417 && !(status === 400 && text === '');
  if (ours) expectContract(method, `${url}${path}`, { status, type, body });
  return outcome;
};

/** Sends a call with the API key and reads the answer; of a stream of events, only its beginning. */
export const send = (url: string, key: string, call: Call, agent: Agent): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    // Without a length, Node sends the body of a GET as if it were the next call.
    const length = call.body ? { 'content-length': String(call.body.length) } : {};
    const headers = { authorization: `Bearer ${key}`, ...length, ...call.headers };
    const asked = request(`${url}${call.path}`, { method: call.method, headers, agent });
    asked.on('error', (error) => {
      // The server may close a kept connection just as a call is sent on it.
      // Node refuses headers that are too long before it knows the method, so that even a HEAD gets a body.
      const { code } = error as NodeJS.ErrnoException;
      if (call.method === 'HEAD' && code === 'HPE_CLOSED_CONNECTION')
        resolve({ status: 0, type: '', text: '' });
      else if (asked.reusedSocket) resolve(send(url, key, call, new Agent()));
      else reject(error);
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
      response.on('error', reject);
      response.on('end', () => {
        try {
          resolve(asDocumented(url, call, { status, type, text: Buffer.concat(pieces).toString() }));
        } catch (error) {
          reject(error);
        }
      });
    });
    asked.end(call.body);
  });

/** Sends the bytes of a call, broken somewhere, and then nothing more. */
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
  // What follows the head of the answer to a HEAD is the answer to what is left of the body.
  return { status, type: headers.get('content-type') ?? '', text: call.method === 'HEAD' ? '' : text };
};
