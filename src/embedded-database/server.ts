/**
 * Listens on the loopback interface as a PostgreSQL server and starts a connection for each client.
 *
 * It accepts any user and any database name with the password that it was given, by SCRAM-SHA-256, for its superuser.
 * Without one it accepts every process of this machine.
 */

import { createServer, type Server as SocketServer } from 'node:net';
import { Connection, type ConnectionEvents } from './connection.ts';
import type { Engine } from './engine.ts';
import {
  authenticationOk,
  backendKey,
  fatalResponse,
  negotiateVersion,
  parameterStatus,
  readyForQuery,
} from './protocol.ts';
import { Scheduler } from './scheduler.ts';
import { Verifier } from './scram.ts';
import { isFatalSetting } from './statement-effects.ts';

interface ServerOptions {
  /** TCP port on 127.0.0.1; 0 for a free one. */
  port: number;
  /** How long a client may leave a transaction open and idle, in milliseconds (10,000). */
  idleInTransactionMs?: number;
  /** The longest message that a client may send, in bytes (64 MB). */
  maxMessageBytes?: number;
  /** How many clients may be connected (200). */
  maxClients?: number;
  /** What every client has to know; default: nothing. */
  password?: string;
}

/** Startup parameters that are no settings of the session. */
const notSettings = new Set(['user', 'database', 'options', 'replication', 'application_name']);
/** Settings that have no effect in the engine. They are dropped, so that a client may ask for them. */
const withoutEffect = new Set(['statement_timeout', 'lock_timeout']);

export class DatabaseServer implements ConnectionEvents {
  readonly #engine: Engine;
  readonly #socketServer: SocketServer;
  readonly #clients = new Set<Connection>();
  readonly #scheduler: Scheduler;
  #nextPid = 1000;

  private constructor(engine: Engine, options: ServerOptions) {
    this.#engine = engine;
    this.#scheduler = new Scheduler(engine, this.#clients, options.idleInTransactionMs ?? 10_000);
    const maxMessageBytes = options.maxMessageBytes ?? 64 * 1024 * 1024;
    const maxClients = options.maxClients ?? 200;
    const verifier = options.password === undefined ? undefined : new Verifier(options.password);
    // Half-open: a client that closes its side first still gets the answers to what it has sent.
    this.#socketServer = createServer({ allowHalfOpen: true }, (socket) => {
      if (this.#clients.size >= maxClients) {
        socket.on('error', () => {});
        socket.end(fatalResponse({ code: '53300', message: 'sorry, too many clients already' }));
        return;
      }
      this.#clients.add(new Connection(socket, this.#nextPid++, maxMessageBytes, this, verifier));
    });
  }

  /**
   * Starts to listen.
   *
   * @throws the system's error when the port is taken (EADDRINUSE).
   */
  static async listen(engine: Engine, options: ServerOptions): Promise<DatabaseServer> {
    const server = new DatabaseServer(engine, options);
    await new Promise<void>((resolve, reject) => {
      server.#socketServer.once('error', reject);
      server.#socketServer.listen(options.port, '127.0.0.1', resolve);
    });
    return server;
  }

  /** The TCP port it listens on. */
  get port(): number {
    const address = this.#socketServer.address();
    if (address === null || typeof address === 'string') throw new Error('the server is closed');
    return address.port;
  }

  /** Finishes the running statement, disconnects every client and stops listening. The engine stays open. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#socketServer.close(resolve));
    await this.#scheduler.close();
    const message = 'terminating connection due to administrator command';
    for (const client of [...this.#clients]) client.disconnect({ code: '57P01', message });
    await closed;
  }

  started(client: Connection, parameters: Map<string, string>, minor: number): void {
    if (parameters.has('replication') && parameters.get('replication') !== 'false') {
      const message = 'replication is not supported by the embedded database';
      client.disconnect({ code: '0A000', message });
      return;
    }
    const unknown = [...parameters.keys()].filter((name) => name.startsWith('_pq_.'));
    if (minor > 0 || unknown.length > 0) client.write([negotiateVersion(unknown)]);
    const settings = this.#settingsOf(parameters);
    const application = parameters.get('application_name') ?? '';
    if (settings.size === 0) {
      this.#greet(client, application);
      return;
    }
    this.#scheduler.addTask(async (session) => {
      if (client.state === 'gone') return;
      if (await session.adopt(client, settings)) return this.#greet(client, application);
      const names = [...settings.keys()].join(', ');
      client.disconnect({
        code: '22023',
        message: `invalid value or unknown name among the settings ${names}`,
      });
    });
  }

  received(client: Connection): void {
    this.#scheduler.received(client);
  }

  drained(client: Connection): void {
    this.#scheduler.received(client);
  }

  gone(client: Connection): void {
    this.#clients.delete(client);
    this.#scheduler.gone(client);
  }

  cancelRequested(pid: number, secret: number): void {
    for (const client of this.#clients) {
      if (client.pid === pid && client.secret === secret) this.#scheduler.cancel(client);
    }
  }

  /** The settings that a client wants for its session, except those that have their default value there. */
  #settingsOf(parameters: Map<string, string>): Map<string, string> {
    const wanted = [...parseOptions(parameters.get('options') ?? ''), ...parameters];
    return new Map(
      wanted.filter(
        ([name, value]) =>
          !(notSettings.has(name) || withoutEffect.has(name) || isFatalSetting(name)) &&
          !name.startsWith('_pq_.') &&
          !this.#isDefault(name, value),
      ),
    );
  }

  /** Most drivers ask for what is the default anyway; then nothing has to be swapped. */
  #isDefault(name: string, value: string): boolean {
    const lower = value.toLowerCase();
    if (name === 'client_encoding') return /^(?:utf-?8|unicode)$/.test(lower);
    for (const [known, standard] of this.#engine.parameters) {
      if (known.toLowerCase() !== name.toLowerCase()) continue;
      // DateStyle ISO means ISO, MDY.
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
      // By this a client of ours knows that its process id is not that of a session, as it is not behind a pooler either.
      parameterStatus('watchpost.embedded', 'on'),
      backendKey(client.pid, client.secret),
      readyForQuery('I'),
    ]);
  }
}

/** The settings in a startup packet's `options`: `-c name=value` and `--name=value`, spaces escaped by `\`. */
const parseOptions = (options: string): [string, string][] => {
  const words = options.match(/(?:\\.|\S)+/g) ?? [];
  const text = words.map((word) => word.replace(/\\(.)/g, '$1')).join('\0');
  return [...text.matchAll(/(?:-c\0?|--)([^=\0]+)=([^\0]*)/g)].map(([, name, value]) => [
    name!.replaceAll('-', '_'),
    value!,
  ]);
};
