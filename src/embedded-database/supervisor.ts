/**
 * Runs the embedded database in a child process and restarts it when it ends by itself.
 *
 * The child is `starting`, `serving`, `down` or `stopped`:
 *
 *   starting -> serving   it reports that it is ready
 *   starting -> stopped   the first start failed: `startEmbedded` rejects and nothing is tried again
 *   starting -> down      a later start failed
 *   serving  -> down      it was killed, or the engine failed
 *   down     -> starting  after a pause that doubles while starts fail or the child does not last
 *   any      -> stopped   `stop` was called
 *
 * It is restarted on the port it had, so clients reconnect to the same URL.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DataDirectoryLocked, withoutPassword } from './data-directory.ts';
import type { ProcessReport } from './process.ts';

const program = fileURLToPath(new URL('./process.ts', import.meta.url));

/** Pauses before a restart, in milliseconds. The first is short: most often the child was killed once, by a user. */
const firstPause = 100;
const longestPause = 10_000;
/** A child that has served for this long, in milliseconds, was healthy: the next pause is the first one again. */
const healthyAfter = 60_000;
/** Milliseconds that a child may take to stop before it is killed. */
const stopWithin = 15_000;

/**
 * Keeps V8 from optimising Postgres's WebAssembly code. Optimising takes 3 s of a core in the first seconds; without it
 * statements take about 1.4 times as long.
 */
export const unoptimised = ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering'];

export interface EmbeddedOptions {
  /** Holds `database` (the files), `database.lock`, `.guard` and `.password`; of mode 0700, created if it is missing. */
  dataDir: string;
  /** TCP port on 127.0.0.1; by default a free one, which is kept over restarts. */
  port?: number;
  /** Receives a line for each start and end of the child, and each line that the child prints. */
  onLog?: (line: string) => void;
  /** Keeps the database in memory (false). `dataDir` is not touched, and a restart begins with an empty database. */
  memory?: boolean;
  /** Whether a commit waits for the disk (true). Without it a power failure can lose or damage data; a crash cannot. */
  fsync?: boolean;
  /** How long a client may leave a transaction open and idle, in milliseconds (10,000). */
  idleInTransactionMs?: number;
  /** It will run for seconds only, so its code is not optimised (false). */
  brief?: boolean;
}

export interface Embedded {
  /** postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres, the same over restarts; in memory there is no password. */
  readonly url: string;
  /** The process that serves or, while it is down, the one that did. */
  pid(): number;
  /** Stops the database for good. Resolves when its process has ended. */
  stop(): Promise<void>;
}

/**
 * Starts the embedded database in a process of its own and keeps it running until `stop` is called or this process ends.
 *
 * @throws {DataDirectoryLocked} if another process has the data directory; the message says which.
 * @throws {Error} if the first start fails for another reason, with what the child reported.
 *
 * @example
 * const database = await startEmbedded({ dataDir: './data', onLog: console.log });
 * const pool = new pg.Pool({ connectionString: database.url });
 */
export const startEmbedded = async (options: EmbeddedOptions): Promise<Embedded> => {
  const log = options.onLog ?? (() => {});
  let child: ChildProcess;
  let stopped = false;
  let pause = firstPause;
  let restart: NodeJS.Timeout | undefined;

  const start = async (port: number): Promise<string> => {
    child = spawnChild(options, port, log);
    const url = await untilReady(child);
    const since = performance.now();
    child.once('exit', (code, signal) => {
      if (stopped) return;
      if (performance.now() - since > healthyAfter) pause = firstPause;
      log(`embedded database ended (${signal ?? `exit code ${code}`}), restarting in ${pause} ms`);
      scheduleRestart();
    });
    return url;
  };
  const scheduleRestart = () => {
    restart = setTimeout(async () => {
      pause = Math.min(pause * 2, longestPause);
      try {
        await start(port);
        log(`embedded database serves again at ${withoutPassword(url)}, process ${child.pid}`);
      } catch (error) {
        if (stopped) return;
        log(`embedded database did not start, next try in ${pause} ms: ${(error as Error).message}`);
        scheduleRestart();
      }
    }, pause);
  };

  const url = await start(options.port ?? 0);
  const port = Number(new URL(url).port);
  log(`embedded database serves at ${withoutPassword(url)}, process ${child!.pid}`);
  return {
    url,
    pid: () => child.pid!,
    async stop() {
      stopped = true;
      clearTimeout(restart);
      await stopChild(child);
    },
  };
};

const spawnChild = (options: EmbeddedOptions, port: number, log: (line: string) => void): ChildProcess => {
  const idle = options.idleInTransactionMs;
  const child = fork(
    program,
    [
      ...(options.memory ? ['--memory'] : ['--data-dir', options.dataDir]),
      ...['--port', String(port)],
      ...(options.fsync === false ? ['--no-fsync'] : []),
      ...(idle === undefined ? [] : ['--idle-in-transaction-ms', String(idle)]),
    ],
    {
      execArgv: ['--disable-warning=ExperimentalWarning', ...(options.brief ? unoptimised : [])],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // In its own process group, so that Ctrl-C at the terminal reaches the parent only, which stops the database last.
      detached: true,
    },
  );
  for (const stream of [child.stdout!, child.stderr!]) createInterface({ input: stream }).on('line', log);
  return child;
};

/** Resolves with the URL of the child when it serves. */
const untilReady = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    child.on('message', (report: ProcessReport) => {
      if (report.type === 'ready') resolve(report.url);
      else reject(report.locked ? new DataDirectoryLocked(report.message) : new Error(report.message));
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      reject(new Error(`the database process ended before it was ready (${signal ?? `exit code ${code}`})`));
    });
  });

const stopChild = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once('exit', resolve));
  if (child.connected) child.send('stop', () => {});
  else child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), stopWithin);
  await exited;
  clearTimeout(killer);
};
