/**
 * The embedded database as its parent process sees it: a child that is there again after it has failed.
 *
 * The child is `starting`, `serving`, `down` (it has ended by itself and is waited for) or `stopped`.
 *   starting -> serving   it says that it is ready
 *   starting -> stopped   the first start fails: `startEmbedded` rejects, nothing is tried again
 *   starting -> down      a later start fails
 *   serving  -> down      it ends: killed, or the engine failed
 *   down     -> starting  after a pause that grows while starts fail or the child does not last
 *   any      -> stopped   `stop` is called
 * It comes back on the port it had, so clients need only connect again, to the same URL.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DataDirectoryLocked } from './lock.ts';
import type { ServerMessage } from './server.ts';

const SERVER = fileURLToPath(new URL('./server.ts', import.meta.url));
/** Pauses before a restart, in milliseconds: the first is short, for a kill that will not be repeated. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** A child that has served this long, in milliseconds, was well: the pauses start anew. */
const LASTING_MS = 60_000;
/** How long a child may take to stop before it is killed, in milliseconds. */
const STOP_MS = 15_000;

/**
 * Optimising PostgreSQL's code takes 3 s of a core in the first seconds, 2.5 of them for one function; without it
 * statements take about 1.4 times as long for ever (6.6 and 9.7 ms for a scan of 2,000 vectors).
 */
const UNOPTIMISED = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

export interface EmbeddedOptions {
  /** holds `database` (the files), `database.lock` and `database.guard`; made with mode 0700 if need be */
  dataDir: string;
  /** TCP port on 127.0.0.1; without it a free one, which is then kept */
  port?: number;
  /** one line for each thing that happens to the child, and each line it prints */
  onLog?: (line: string) => void;
  /** keep the database in memory; `dataDir` is not touched, and a restart begins with an empty one */
  memory?: boolean;
  /** whether a commit waits for the disk (true): without it a power failure, but no crash, loses or breaks data */
  fsync?: boolean;
  /** how long a client may leave a transaction open without a word, in milliseconds (10,000) */
  idleInTransactionMs?: number;
  /** it is for a task of seconds: its code is left as it is first compiled, see `UNOPTIMISED` (false) */
  brief?: boolean;
}

export interface Embedded {
  /** postgres://postgres@127.0.0.1:PORT/postgres, the same over restarts */
  readonly url: string;
  /** the process that serves or, while it is down, the one that did */
  pid(): number;
  /** Ends the database in order and for good. Resolves when no process is left. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded database in a process of its own and keeps it running until `stop` is called or this
 * process ends.
 *
 * @throws {DataDirectoryLocked} if another process has the data directory; the message says which
 * @throws {Error} if the first start fails otherwise, with what the process said
 *
 * @example
 * const database = await startEmbedded({ dataDir: './data', onLog: console.log });
 * const pool = new pg.Pool({ connectionString: database.url });
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const log = options.onLog ?? (() => {});
  let child: ChildProcess;
  let stopped = false;
  let pause = FIRST_PAUSE_MS;
  let restart: NodeJS.Timeout | undefined;

  const start = async (port: number): Promise<string> => {
    child = spawn(options, port, log);
    const url = await ready(child);
    const since = performance.now();
    child.once('exit', (code, signal) => {
      if (stopped) return;
      if (performance.now() - since > LASTING_MS) pause = FIRST_PAUSE_MS;
      log(`embedded database ended (${signal ?? `exit code ${code}`}), restarting in ${pause} ms`);
      schedule();
    });
    return url;
  };
  const schedule = () => {
    restart = setTimeout(async () => {
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      try {
        await start(port);
        log(`embedded database serves again at ${url}, process ${child.pid}`);
      } catch (error) {
        if (stopped) return;
        log(`embedded database did not start, next try in ${pause} ms: ${(error as Error).message}`);
        schedule();
      }
    }, pause);
  };

  const url = await start(options.port ?? 0);
  const port = Number(new URL(url).port);
  log(`embedded database serves at ${url}, process ${child!.pid}`);
  return {
    url,
    pid: () => child.pid!,
    async stop() {
      stopped = true;
      clearTimeout(restart);
      await end(child);
    },
  };
}

function spawn(options: EmbeddedOptions, port: number, log: (line: string) => void): ChildProcess {
  const idle = options.idleInTransactionMs;
  const child = fork(
    SERVER,
    [
      ...(options.memory ? ['--memory'] : ['--data-dir', options.dataDir]),
      ...['--port', String(port)],
      ...(options.fsync === false ? ['--no-fsync'] : []),
      ...(idle === undefined ? [] : ['--idle-in-transaction-ms', String(idle)]),
    ],
    {
      execArgv: ['--disable-warning=ExperimentalWarning', ...(options.brief ? UNOPTIMISED : [])],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // in a process group of its own: a Ctrl-C at the terminal is for the parent, which stops the database last
      detached: true,
    },
  );
  for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', log);
  return child;
}

/** The URL the child serves at, once it does. */
function ready(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: ServerMessage) => {
      if (message.type === 'ready') resolve(message.url);
      else reject(message.locked ? new DataDirectoryLocked(message.message) : new Error(message.message));
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(new Error(`the database process ended before it was ready (${signal ?? `exit code ${code}`})`));
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  if (child.connected) child.send('stop', () => {});
  else child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await exited;
  clearTimeout(killer);
}
