/**
 * PGlite, opened so that it is safe behind the front: PostgreSQL 18 as WebAssembly in this very process.
 *
 * It runs one batch of protocol messages at a time and blocks the process meanwhile. There is nothing to
 * interrupt it with: statement_timeout has no effect and a running statement cannot be cancelled.
 *
 * When the engine fails (a trap of the WebAssembly code, or a FATAL error, which makes a server process
 * exit and this one along with it), PGlite goes on calling it, in a state no one can vouch for, for ever in
 * some cases. Here the first such failure is reported to `onFailure`, which has to end the process.
 * The write-ahead log is then as good as after a crash of a real server, and the next start replays it.
 */

import { fdatasyncSync } from 'node:fs';
import v8 from 'node:v8';
import { PGlite } from '@electric-sql/pglite';
import { btree_gist } from '@electric-sql/pglite/contrib/btree_gist';
import { vector } from '@electric-sql/pglite-pgvector';
import { createFiles } from './files.ts';
import { query, readCString, readDataRow, startup } from './protocol.ts';
import { Reply } from './reply.ts';

/**
 * The JavaScript stack, in KB, of a main thread that has 8 MB, and the depth at which PostgreSQL gives up
 * with an ordinary error. With the usual 984 KB and 2 MB a trigger that fires itself overruns the former
 * before it reaches the latter, which ends the engine; with these it is an error (400 kB: not any more).
 * Recursion of SQL-language functions hardly uses the stack that PostgreSQL measures, and still ends it.
 */
const JAVASCRIPT_STACK_KB = 6000;
const MAX_STACK_DEPTH = '300kB';

/** PGlite leaves the WebAssembly code with this exit status for an ordinary error; it is no failure. */
const ORDINARY_ERROR = 100;

/** The parts of Emscripten's module that PGlite exposes and types loosely. */
interface EngineModule {
  _PostgresMainLoopOnce: () => void;
  FS: { filesystems: { NODEFS: { stream_ops: { fsync?: (stream: { nfd: number }) => number } } } };
}

export interface EngineOptions {
  /** directory of the database files, created if need be; without it the database lives in memory */
  dataDir?: string;
  /** whether a commit waits for the disk, so that it survives a power failure */
  fsync: boolean;
  /** what the engine has to say: FATAL and PANIC only */
  onLog: (line: string) => void;
  /** the engine has failed and must not be used again: ends the process */
  onFailure: (reason: string) => never;
}

export class Engine {
  /** the ParameterStatus of each reported setting as a fresh session has it */
  readonly parameters = new Map<string, string>();
  readonly #database: PGlite;
  readonly #onFailure: (reason: string) => never;

  private constructor(database: PGlite, onFailure: (reason: string) => never) {
    this.#database = database;
    this.#onFailure = onFailure;
  }

  /** Opens the database: about 0.5 s, 5 s when it has to be created. */
  static async open({ dataDir, fsync, onLog, onFailure }: EngineOptions): Promise<Engine> {
    v8.setFlagsFromString(`--stack-size=${JAVASCRIPT_STACK_KB}`);
    // the stack limit is read when a stack is entered anew, so not before the next turn of the event loop
    await new Promise(setImmediate);
    if (dataDir !== undefined) await createFiles(dataDir, fsync);
    let lastWords = '';
    const database = await PGlite.create({
      ...(dataDir === undefined ? {} : { dataDir }),
      extensions: { vector, btree_gist },
      startParams: startParameters(fsync),
      onStderr: (line) => {
        if (/FATAL|PANIC/.test(line)) {
          lastWords = line;
          onLog(line);
        }
        return false;
      },
    });
    const module = database.Module as unknown as EngineModule;
    // Emscripten's file system for Node has no fsync of its own and reports success: PostgreSQL would
    // believe its log safe. fdatasync is what it would ask for on Linux.
    module.FS.filesystems.NODEFS.stream_ops.fsync = ({ nfd }) => {
      fdatasyncSync(nfd);
      return 0;
    };
    // popen() would throw through the WebAssembly code; a null pointer makes it an ordinary error
    database.handleExternalCmd = () => 0;
    const loop = module._PostgresMainLoopOnce;
    module._PostgresMainLoopOnce = () => {
      try {
        loop();
      } catch (error) {
        if ((error as { status?: unknown }).status !== ORDINARY_ERROR) onFailure(describe(error, lastWords));
        throw error;
      }
    };
    const engine = new Engine(database, onFailure);
    await engine.#readParameters();
    return engine;
  }

  /** Runs a batch of messages; `reply` has the answer afterwards. */
  async run(batch: Buffer, reply: Reply): Promise<void> {
    try {
      await this.#database.execProtocolRawStream(batch, {
        // the files are the host's own, there is nothing to copy after a statement
        syncToFs: false,
        onRawData: (bytes) => reply.push(Buffer.from(bytes)),
      });
    } catch (error) {
      this.#onFailure(describe(error, ''));
    }
  }

  /**
   * Runs statements of the front's own, outside any transaction.
   *
   * @returns the rows of all of them, values as text; undefined if one failed
   */
  async query(sql: string): Promise<(string | null)[][] | undefined> {
    const reply = new Reply();
    await this.run(query(sql), reply);
    if (reply.failed) return undefined;
    return messages(Buffer.concat(reply.pieces))
      .filter((bytes) => bytes[0] === 'D'.charCodeAt(0))
      .map(readDataRow);
  }

  /** Checkpoints and closes the files. */
  close(): Promise<void> {
    return this.#database.close();
  }

  async #readParameters(): Promise<void> {
    const reply = new Reply();
    await this.run(startup({ user: 'postgres', database: 'postgres' }), reply);
    for (const bytes of messages(Buffer.concat(reply.pieces))) {
      if (bytes[0] !== 'S'.charCodeAt(0)) continue;
      const name = readCString(bytes, 5);
      this.parameters.set(name.text, readCString(bytes, name.next).text);
    }
    // what the startup has set is reported once more after the next statement: to no one
    await this.query('SELECT 1');
  }
}

function startParameters(fsync: boolean): string[] {
  const settings = {
    max_stack_depth: MAX_STACK_DEPTH,
    log_min_messages: 'fatal',
    // wal_sync_method is fdatasync by default, which Emscripten answers without asking the file system
    ...(fsync ? { fsync: 'on', wal_sync_method: 'fsync' } : {}),
  };
  return [
    ...PGlite.defaultStartParams.filter((parameter) => !fsync || parameter !== '-F'),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

function messages(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 1 + bytes.readInt32BE(at + 1);
    found.push(bytes.subarray(at, end));
    at = end;
  }
  return found;
}

function describe(error: unknown, lastWords: string): string {
  // Emscripten's ExitStatus has a name and a message, too, but is no Error
  const { name, message } = error as Partial<Error>;
  const reason = message === undefined ? String(error) : `${name}: ${message}`;
  return lastWords ? `${reason} (${lastWords.trim()})` : reason;
}
