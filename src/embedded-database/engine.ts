/**
 * PGlite, opened so that a server can rely on it: PostgreSQL 18 as WebAssembly in this process.
 *
 * It runs one batch of protocol messages at a time and blocks the process meanwhile. A running statement cannot be
 * interrupted: statement_timeout has no effect, and it cannot be cancelled.
 *
 * After a trap in the WebAssembly code or a FATAL error, which ends a real server process, PGlite continues to call the
 * engine, whose state is then undefined; some calls never return. Here the first such failure goes to `onFailure`, which
 * must end the process. The write-ahead log is then as after a crash of a real server, and the next start replays it.
 */

import { fdatasyncSync } from 'node:fs';
import v8 from 'node:v8';
import { PGlite } from '@electric-sql/pglite';
import { btree_gist } from '@electric-sql/pglite/contrib/btree_gist';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { vector } from '@electric-sql/pglite-pgvector';
import { createFiles } from './create-files.ts';
import { query, readCString, readDataRow, splitMessages, startup } from './protocol.ts';
import { Reply } from './reply.ts';

/**
 * JavaScript stack in KB, for a main thread that has 8 MB, and the stack depth at which Postgres raises an error. With the
 * defaults (984 KB, 2 MB) a trigger that fires itself overflows the JavaScript stack first, which ends the engine; with
 * these values Postgres raises its error first (300 kB; 400 kB is too much). Recursion of SQL-language functions uses
 * little of the stack that Postgres measures, and still ends the engine.
 */
const javascriptStackKb = 6000;
const maxStackDepth = '300kB';

/** PGlite leaves the WebAssembly code with this exit status for an ordinary SQL error. */
const ordinaryError = 100;

/** The parts of Emscripten's module that are used here; PGlite types them loosely. */
interface EngineModule {
  _PostgresMainLoopOnce: () => void;
  FS: { filesystems: { NODEFS: { stream_ops: { fsync?: (stream: { nfd: number }) => number } } } };
}

interface EngineOptions {
  /** Directory of the database files, created if it is missing; without it the database is in memory. */
  dataDir?: string;
  /** Whether a commit waits for the disk, so that it survives a power failure. */
  fsync: boolean;
  /** Receives what the engine logs, FATAL and PANIC only. */
  onLog: (line: string) => void;
  /** Called when the engine has failed and must not be used again: ends the process. */
  onFailure: (reason: string) => never;
}

export class Engine {
  /** The ParameterStatus values of a new session, by name. */
  readonly parameters = new Map<string, string>();
  readonly #database: PGlite;
  readonly #onFailure: (reason: string) => never;

  private constructor(database: PGlite, onFailure: (reason: string) => never) {
    this.#database = database;
    this.#onFailure = onFailure;
  }

  /** Opens the database: takes about 0.5 s, 5 s when it has to be created. */
  static async open({ dataDir, fsync, onLog, onFailure }: EngineOptions): Promise<Engine> {
    v8.setFlagsFromString(`--stack-size=${javascriptStackKb}`);
    // V8 reads the stack limit when it enters a new stack: not before the next turn of the event loop.
    await new Promise(setImmediate);
    if (dataDir !== undefined) await createFiles(dataDir, fsync);
    let lastWords = '';
    const database = await PGlite.create({
      ...(dataDir === undefined ? {} : { dataDir }),
      extensions: { vector, btree_gist, pg_trgm },
      startParams: startParameters(fsync),
      onStderr: (line) => {
        if (/FATAL|PANIC/.test(line)) {
          lastWords = line;
          onLog(line);
        }
        return false;
      },
    });
    mendModule(database, (error) => onFailure(describeFailure(error, lastWords)));
    const engine = new Engine(database, onFailure);
    await engine.#readParameters();
    return engine;
  }

  /** Runs a batch of messages; `reply` holds the answer afterwards. */
  async run(batch: Buffer, reply: Reply): Promise<void> {
    try {
      await this.#database.execProtocolRawStream(batch, {
        // The files are those of the host; there is nothing to copy after a statement.
        syncToFs: false,
        onRawData: (bytes) => reply.push(Buffer.from(bytes)),
      });
    } catch (error) {
      this.#onFailure(describeFailure(error, ''));
    }
  }

  /**
   * Runs statements of the server itself, outside any transaction.
   *
   * @returns the rows of all of them, values as text; undefined if one failed.
   */
  async query(sql: string): Promise<(string | null)[][] | undefined> {
    const reply = new Reply();
    await this.run(query(sql), reply);
    if (reply.failed) return undefined;
    return splitMessages(Buffer.concat(reply.pieces))
      .filter((bytes) => bytes[0] === 'D'.charCodeAt(0))
      .map(readDataRow);
  }

  /** Writes a checkpoint and closes the files. */
  close(): Promise<void> {
    return this.#database.close();
  }

  async #readParameters(): Promise<void> {
    const reply = new Reply();
    await this.run(startup({ user: 'postgres', database: 'postgres' }), reply);
    for (const bytes of splitMessages(Buffer.concat(reply.pieces))) {
      if (bytes[0] !== 'S'.charCodeAt(0)) continue;
      const name = readCString(bytes, 5);
      this.parameters.set(name.text, readCString(bytes, name.next).text);
    }
    // After the next statement the engine reports once more what the startup has set; no client should get that.
    await this.query('select 1');
  }
}

/** Changes three things in PGlite's module; `onFailure` is called with what the engine threw. */
const mendModule = (database: PGlite, onFailure: (error: unknown) => never): void => {
  const module = database.Module as unknown as EngineModule;
  // Emscripten's file system for Node has no fsync and reports success, so Postgres would believe that its log is on the
  // disk. fdatasync is what it would use on Linux.
  module.FS.filesystems.NODEFS.stream_ops.fsync = ({ nfd }) => {
    fdatasyncSync(nfd);
    return 0;
  };
  // popen() would throw through the WebAssembly code. A null pointer makes it an ordinary error.
  database.handleExternalCmd = () => 0;
  const loop = module._PostgresMainLoopOnce;
  module._PostgresMainLoopOnce = () => {
    try {
      loop();
    } catch (error) {
      if ((error as { status?: unknown }).status !== ordinaryError) onFailure(error);
      throw error;
    }
  };
};

const startParameters = (fsync: boolean): string[] => {
  const settings = {
    max_stack_depth: maxStackDepth,
    log_min_messages: 'fatal',
    // wal_sync_method is fdatasync by default, which Emscripten answers without calling the file system.
    ...(fsync ? { fsync: 'on', wal_sync_method: 'fsync' } : {}),
  };
  return [
    ...PGlite.defaultStartParams.filter((parameter) => !fsync || parameter !== '-F'),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
};

const describeFailure = (error: unknown, lastWords: string): string => {
  // Emscripten's ExitStatus has a name and a message but is no Error.
  const { name, message } = error as Partial<Error>;
  const reason = message === undefined ? String(error) : `${name}: ${message}`;
  return lastWords ? `${reason} (${lastWords.trim()})` : reason;
};
