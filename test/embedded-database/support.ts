/** What the tests of the embedded database share: databases and clients that end with the test. */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { onTestFinished } from 'vitest';
import { type Embedded, type EmbeddedOptions, startEmbedded } from '../../src/embedded-database/index.ts';
import { message, startup } from '../../src/embedded-database/protocol.ts';

/** A new directory that is removed, with all that is in it, by the function returned with it. */
export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'watchpost-embedded-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** Lines of a log, and a way to wait for one, past or future. */
export class Log {
  readonly lines: string[] = [];
  #waiting: { pattern: RegExp; resolve: (line: string) => void }[] = [];

  readonly add = (line: string): void => {
    this.lines.push(line);
    for (const { pattern, resolve } of this.#waiting) if (pattern.test(line)) resolve(line);
    this.#waiting = this.#waiting.filter(({ pattern }) => !pattern.test(line));
  };

  /** The first line from number `from` on that matches. */
  line(pattern: RegExp, from = 0): Promise<string> {
    const found = this.lines.slice(from).find((line) => pattern.test(line));
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => this.#waiting.push({ pattern, resolve }));
  }
}

/** A database in memory, for a whole file: stop it in `afterAll`. */
export function startInMemory(options: Partial<EmbeddedOptions> = {}): Promise<Embedded> {
  return startEmbedded({ dataDir: '', memory: true, brief: true, ...options });
}

/** A connected client that ends with the test. */
export async function connectClient(url: string, options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, ...options });
  // A client that is disconnected gets an 'error' event too, which without a listener would end the process.
  client.on('error', () => {});
  await client.connect();
  onTestFinished(() => client.end().catch(() => {}));
  return client;
}

/** The first value of the first row. */
export async function value(client: pg.Client, sql: string): Promise<unknown> {
  return Object.values((await client.query(sql)).rows[0] ?? {})[0];
}

export interface Received {
  type: string;
  body: Buffer;
}

/** A client that sends and receives single messages, for what no driver does. */
export class RawClient {
  readonly socket: Socket;
  readonly received: Received[] = [];
  /** resolves when the server has closed the connection */
  readonly closed: Promise<unknown>;
  bytes = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(url: string) {
    this.socket = connect(Number(new URL(url).port), '127.0.0.1');
    this.socket.on('error', () => {});
    this.closed = once(this.socket, 'close');
    this.socket.on('data', (chunk) => this.#read(chunk));
    onTestFinished(() => {
      this.socket.destroy();
    });
  }

  /** A client whose startup is done. */
  static async open(url: string, parameters: Record<string, string> = {}): Promise<RawClient> {
    const client = new RawClient(url);
    client.socket.write(startup({ user: 'anyone', database: 'anything', ...parameters }));
    await client.until('Z');
    return client;
  }

  send(...messages: Buffer[]): void {
    this.socket.write(Buffer.concat(messages));
  }

  /** All messages up to the next of this type, which are then taken. */
  async until(type: string): Promise<Received[]> {
    for (;;) {
      const at = this.received.findIndex((message) => message.type === type);
      if (at >= 0) return this.received.splice(0, at + 1);
      await Promise.race([
        once(this.socket, 'data'),
        this.closed.then(() => {
          if (!this.received.some((message) => message.type === type)) throw new Error('connection closed');
        }),
      ]);
    }
  }

  #read(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    while (this.#rest.length >= 5) {
      const end = 1 + this.#rest.readInt32BE(1);
      if (this.#rest.length < end) break;
      this.received.push({ type: String.fromCharCode(this.#rest[0]!), body: this.#rest.subarray(5, end) });
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** The types of messages, one letter each. */
export const types = (messages: Received[]): string => messages.map(({ type }) => type).join('');

/** The SQLSTATE of the error among messages. */
export function errorCode(messages: Received[]): string | undefined {
  const error = messages.find(({ type }) => type === 'E');
  return error?.body
    .toString('latin1')
    .split('\0')
    .find((field) => field.startsWith('C'))
    ?.slice(1);
}

export const bind = (portal: string, statement: string): Buffer =>
  message('B', Buffer.from(`${portal}\0${statement}\0`), Buffer.alloc(6));
export const execute = (portal: string, rows = 0): Buffer => {
  const limit = Buffer.alloc(4);
  limit.writeInt32BE(rows);
  return message('E', Buffer.from(`${portal}\0`), limit);
};
export const flush = (): Buffer => message('H');

/** Resolves when no process has this id any more. */
export async function processEnd(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
