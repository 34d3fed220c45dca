import { fileURLToPath } from 'node:url';
import { heapSettings, memorySettings } from '../../src/keep-memory.ts';
import { NodeProcess } from '../support/node-process.ts';

/** What every program of the bench prints at its end, as one line of JSON; times are of the machine's clock. */
interface Report {
  /** Milliseconds since 1970 at which its work began and ended. */
  readonly begun: number;
  readonly ended: number;
  readonly done: number;
  /** Its own CPU seconds, and its largest resident memory in MB. */
  readonly cpu: number;
  readonly memory: number;
  /** Percentiles in ms, where it took the time of each call. */
  readonly latency?: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** What else it has to report, by name. */
  readonly more?: Readonly<Record<string, number>>;
}

/** A program of `programs/`, running. */
export interface Running {
  /** Resolves when it has said that it is ready. */
  readonly ready: Promise<void>;
  readonly report: Promise<Report>;
}

/** Those that run the code of the product get V8's settings of a worker; a peer gets its defaults. */
const own = ['bare-loop', 'handle-events', 'see-photos'];

/** Starts one in a process of its own, so that neither side's memory and garbage is the other's. */
export const start = (name: string, settings: Record<string, string | number>): Running => {
  const file = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url));
  const heap = own.includes(name) ? heapSettings : [];
  // As a worker is started, and a peer no worse.
  const program = new NodeProcess([...heap, file, JSON.stringify(settings)], {
    ...process.env,
    ...memorySettings,
  });
  const ready = program.says(/ready\n/).then(() => {});
  // Some programs begin at once.
  ready.catch(() => {});
  const report = program.ended.then((code): Report => {
    if (code === 0) return JSON.parse(program.stdout.trim().split('\n').at(-1)!);
    throw new Error(`${name} ended with ${code}:\n${program.output}`);
  });
  return { ready, report };
};

/** For a program: its settings. */
export const settings = <T>(): T => JSON.parse(process.argv[2] ?? '{}') as T;

/** For a program: says that it is ready. */
export const sayReady = (): void => void process.stdout.write('ready\n');

/** For a program: prints its report, at its very end. */
export const report = (went: Pick<Report, 'begun' | 'ended' | 'done' | 'latency' | 'more'>): void => {
  const { user, system } = process.cpuUsage();
  const memory = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(`${JSON.stringify({ ...went, cpu: (user + system) / 1e6, memory })}\n`);
};
