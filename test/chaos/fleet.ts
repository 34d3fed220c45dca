import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/postgres.ts';
import type { Options } from './options.ts';
import { TcpProxy } from './proxy.ts';

/** What a place may be filled with, by the arguments of the program. */
const args = { api: ['up', '--no-worker'], worker: ['work'], bridge: ['bridge'], folder: ['watch'] };

/** What those say when they are up that have no row in `worker`. */
const says: Partial<Record<keyof typeof args, RegExp>> = { bridge: /is at work/, folder: /^watching/m };

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/**
 * A place for one process, which a supervisor would keep filled. Its states:
 *
 *   starting   a process was spawned and has not beaten, or said that it is at work, yet. If it ends by itself now, it is spawned again a second
 *              later: no process can start while the database is away.
 *   up         it has beaten into its row in `worker`, or said so. If it ends by itself now, that is a defect, and reported.
 *   held       up, and stopped or cut off by a fault: not to be killed meanwhile.
 *   ended      for good.
 */
export interface Slot {
  readonly name: string;
  readonly kind: keyof typeof args;
  readonly proxy: TcpProxy;
  readonly environment: Record<string, string>;
  /** Arguments beside those of its kind. */
  readonly more: readonly string[];
  process: ChildProcess;
  state: 'starting' | 'up' | 'held' | 'ended';
}

/** The processes of an installation, each with a network of its own. */
export class Fleet {
  readonly slots: Slot[] = [];
  /** Processes that ended without having been killed, once they were up. */
  readonly deserters: string[] = [];
  /** Processes that ended before they were up, and were spawned again. */
  failedStarts = 0;
  readonly #folder: string;
  readonly #killed = new WeakSet<ChildProcess>();
  #ending = false;

  /** @param folder where each process's log goes. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts a process behind a proxy of its own. */
  async add(
    kind: Slot['kind'],
    databasePort: number,
    environment: Record<string, string>,
    more: readonly string[] = [],
  ): Promise<Slot> {
    const proxy = new TcpProxy(databasePort);
    const port = await proxy.listen();
    const name = `${kind}-${this.slots.length}`;
    const slot = {
      name,
      kind,
      proxy,
      more,
      environment: {
        ...environment,
        DATABASE_URL: `postgres://postgres@127.0.0.1:${port}/postgres`,
        WATCHPOST_DATA: join(this.#folder, name),
      },
      state: 'starting' as const,
    } as unknown as Slot;
    this.slots.push(slot);
    this.#spawn(slot);
    return slot;
  }

  /** Those that a fault may choose from. */
  up(kind: Slot['kind']): Slot[] {
    return this.slots.filter((slot) => slot.kind === kind && slot.state === 'up');
  }

  /** SIGKILL, and a new process in its place. */
  kill(slot: Slot): void {
    this.#killed.add(slot.process);
    slot.process.kill('SIGKILL');
  }

  /** Ends every process, by SIGTERM if possible. */
  async end(): Promise<void> {
    this.#ending = true;
    await Promise.all(
      this.slots.map(async (slot) => {
        slot.state = 'ended';
        const gone = new Promise((resolve) => slot.process.once('exit', resolve));
        if (slot.process.exitCode !== null || slot.process.signalCode !== null) return;
        slot.process.kill('SIGCONT');
        slot.process.kill('SIGTERM');
        const late = setTimeout(() => slot.process.kill('SIGKILL'), 12_000);
        await gone;
        clearTimeout(late);
      }),
    );
    await Promise.all(this.slots.map((slot) => slot.proxy.close()));
  }

  #spawn(slot: Slot): void {
    if (this.#ending) return;
    const log = join(this.#folder, `${slot.name}.log`);
    const file = openSync(log, 'a');
    const said = says[slot.kind];
    const child = spawn(process.execPath, [main, ...args[slot.kind], ...slot.more], {
      env: { ...process.env, ...slot.environment },
      stdio: said ? ['ignore', 'pipe', 'pipe'] : ['ignore', file, file],
    });
    closeSync(file);
    slot.process = child;
    slot.state = 'starting';
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        appendFileSync(log, text);
        if (slot.process === child && slot.state === 'starting' && said?.test(String(text)))
          slot.state = 'up';
      });
    }
    child.once('exit', (code, signal) => this.#exited(slot, child, code, signal));
  }

  #exited(slot: Slot, child: ChildProcess, code: number | null, signal: string | null): void {
    if (this.#ending) return;
    if (this.#killed.has(child)) {
      this.#spawn(slot);
      return;
    }
    if (slot.state === 'starting') this.failedStarts += 1;
    else this.deserters.push(`${slot.name} (pid ${child.pid}) ended by itself: ${signal ?? code}`);
    setTimeout(() => this.#spawn(slot), 1_000);
  }
}

/** Settings of every process of a run. */
export const settingsOf = (options: Pick<Options, 'folder' | 'short'>): Record<string, string> => ({
  WATCHPOST_CONCURRENCY: '2',
  WATCHPOST_LOG: 'info',
  // More than a hundred processes are started, which share compiled code.
  NODE_COMPILE_CACHE: join(options.folder, 'compiled'),
  ...(options.short ? { WATCHPOST_HEARTBEAT_MS: '500', WATCHPOST_DEAD_AFTER_S: '3' } : {}),
});

/** Starts the API and the workers of a run, each behind a proxy of its own, and says how the API is called. */
export const startFleet = async (fleet: Fleet, databasePort: number, options: Options) => {
  const port = await freePort();
  const key = `chaos-${options.seed}-${'0'.repeat(20)}`;
  const environment = {
    ...settingsOf(options),
    HOST: '127.0.0.1',
    PORT: String(port),
    WATCHPOST_API_KEY: key,
  };
  await fleet.add('api', databasePort, environment);
  for (let i = 0; i < options.workers; i++) await fleet.add('worker', databasePort, environment);
  return { url: `http://127.0.0.1:${port}`, key };
};
