/**
 * The front of the embedded database: a PostgreSQL server as clients see one, on the loopback interface.
 *
 * It accepts any user and any database name without a password: whoever can run a process on this machine
 * can use the database, all as its superuser. Everything behind the startup is in `turns.ts` (who is served
 * when), `assembler.ts` and `inspect.ts` (what is changed in what clients send), `reply.ts` (in what they
 * get) and `session.ts` (what they share).
 */

import { createServer, type Server } from 'node:net';
import { Connection, type ConnectionEvents } from './connection.ts';
import type { Engine } from './engine.ts';
import { isFatalSetting } from './inspect.ts';
import {
  authenticationOk,
  backendKey,
  fatalResponse,
  negotiateVersion,
  parameterStatus,
  readyForQuery,
} from './protocol.ts';
import { Turns } from './turns.ts';

export interface FrontOptions {
  /** TCP port on 127.0.0.1; 0 for a free one */
  port: number;
  /** how long a client may leave a transaction open without a word, in milliseconds (10,000) */
  idleInTransactionMs?: number;
  /** the longest message a client may send, in bytes (64 MB) */
  maxMessageBytes?: number;
  /** how many clients may be connected (200) */
  maxClients?: number;
}

/** Startup parameters that are no settings of the session. */
const NOT_SETTINGS = new Set(['user', 'database', 'options', 'replication', 'application_name']);
/** Without effect in the engine, or about to end it: not passed on, so that a client may ask for them. */
const DROPPED = new Set(['statement_timeout', 'lock_timeout']);

/** The settings in a startup packet's `options`: `-c name=value` and `--name=value`, spaces escaped by `\`. */
function parseOptions(options: string): [string, string][] {
  const words = options.match(/(?:\\.|\S)+/g) ?? [];
  const text = words.map((word) => word.replace(/\\(.)/g, '$1')).join('\0');
  return [...text.matchAll(/(?:-c\0?|--)([^=\0]+)=([^\0]*)/g)].map(([, name, value]) => [
    name!.replaceAll('-', '_'),
    value!,
  ]);
}

export class Front implements ConnectionEvents {
  readonly #engine: Engine;
  readonly #server: Server;
  readonly #clients = new Set<Connection>();
  readonly #turns: Turns;
  #nextPid = 1000;

  private constructor(engine: Engine, options: FrontOptions) {
    this.#engine = engine;
    this.#turns = new Turns(engine, this.#clients, options.idleInTransactionMs ?? 10_000);
    const maxMessageBytes = options.maxMessageBytes ?? 64 * 1024 * 1024;
    const maxClients = options.maxClients ?? 200;
    // half-open: a client that closes its side first still gets what it asked for
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      if (this.#clients.size >= maxClients) {
        socket.on('error', () => {});
        socket.end(fatalResponse({ code: '53300', message: 'sorry, too many clients already' }));
        return;
      }
      this.#clients.add(new Connection(socket, this.#nextPid++, maxMessageBytes, this));
    });
  }

  /**
   * Starts to listen.
   *
   * @throws the system's error when the port is taken (EADDRINUSE)
   */
  static async listen(engine: Engine, options: FrontOptions): Promise<Front> {
    const front = new Front(engine, options);
    await new Promise<void>((resolve, reject) => {
      front.#server.once('error', reject);
      front.#server.listen(options.port, '127.0.0.1', resolve);
    });
    return front;
  }

  /** The TCP port it listens on. */
  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the front is closed');
    return address.port;
  }

  /** Finishes the statement that runs, tells every client, and stops listening. The engine stays open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await this.#turns.close();
    const message = 'terminating connection due to administrator command';
    for (const client of [...this.#clients]) client.cutOff({ code: '57P01', message });
    await closed;
  }

  started(client: Connection, parameters: Map<string, string>, minor: number): void {
    if (parameters.has('replication') && parameters.get('replication') !== 'false') {
      const message = 'replication is not supported by the embedded database';
      client.cutOff({ code: '0A000', message });
      return;
    }
    const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
    if (minor > 0 || unknown.length > 0) client.write([negotiateVersion(unknown)]);
    const settings = new Map<string, string>();
    for (const [name, value] of [...parseOptions(parameters.get('options') ?? ''), ...parameters]) {
      if (NOT_SETTINGS.has(name) || DROPPED.has(name) || isFatalSetting(name) || name.startsWith('_pq_.'))
        continue;
      if (!this.#isDefault(name, value)) settings.set(name, value);
    }
    const application = parameters.get('application_name') ?? '';
    if (settings.size === 0) {
      this.#greet(client, application);
      return;
    }
    this.#turns.chore(async () => {
      if (client.state === 'gone') return;
      if (await this.#turns.adopt(client, settings)) return this.#greet(client, application);
      const names = [...settings.keys()].join(', ');
      client.cutOff({ code: '22023', message: `invalid value or unknown name among the settings ${names}` });
    });
  }

  heard(client: Connection): void {
    this.#turns.heard(client);
  }

  drained(client: Connection): void {
    this.#turns.heard(client);
  }

  gone(client: Connection): void {
    this.#clients.delete(client);
    this.#turns.gone(client);
  }

  cancelRequested(pid: number, secret: number): void {
    for (const client of this.#clients) {
      if (client.pid === pid && client.secret === secret) this.#turns.cancel(client);
    }
  }

  /** Most drivers send what is the default anyway; then there is nothing to swap. */
  #isDefault(name: string, value: string): boolean {
    const lower = value.toLowerCase();
    if (name === 'client_encoding') return /^(?:utf-?8|unicode)$/.test(lower);
    for (const [known, standard] of this.#engine.parameters) {
      if (known.toLowerCase() !== name.toLowerCase()) continue;
      // DateStyle ISO means ISO, MDY
      return lower === standard.toLowerCase() || (lower === 'iso' && known === 'DateStyle');
    }
    return false;
  }

  #greet(client: Connection, application: string): void {
    const own = new Map([...client.settings, ['application_name', application]]);
    const parameters = [...this.#engine.parameters].map(([name, value]) =>
      parameterStatus(name, own.get(name) ?? value),
    );
    client.write([
      authenticationOk(),
      ...parameters,
      backendKey(client.pid, client.secret),
      readyForQuery('I'),
    ]);
  }
}
