import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** src/main.ts, the program of the command line. */
export const mainFile = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** This process's environment without any setting of Watchpost, of Postgres or of the test runner. */
export const plainEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(DATABASE_URL|HOST|PORT|WATCHPOST_.*|OTEL_.*|PG.*|NODE_OPTIONS|VITEST.*)$/.test(name),
    ),
  );

/**
 * A Node program in a process of its own, with its output so far. Used by tests, benches and the chaos run; the caller
 * that starts one ends it.
 */
export class NodeProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  /** Both streams in the order of arrival. */
  output = '';
  readonly #watchers = new Set<() => void>();
  /** Resolves with the exit code when the process has ended and all its output has been read; 128 after a signal. */
  readonly ended: Promise<number>;

  /**
   * Starts `node ...args` in the folder of the project.
   *
   * @param launcher a program with arguments that becomes Node, such as `taskset -c 0`.
   */
  constructor(
    args: readonly string[],
    env: NodeJS.ProcessEnv = process.env,
    launcher: readonly string[] = [],
  ) {
    const [program, ...rest] = [...launcher, process.execPath, ...args];
    this.child = spawn(program!, rest, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of ['stdout', 'stderr'] as const) {
      this.child[stream]!.setEncoding('utf8').on('data', (text: string) => {
        this[stream] += text;
        this.output += text;
        for (const watch of this.#watchers) watch();
      });
    }
    this.ended = once(this.child, 'close').then(([code]) => code ?? 128);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** The lines of its log, parsed. */
  get log(): { msg: string; level: number }[] {
    const lines = [this.stdout, this.stderr].flatMap((text) => text.split('\n').slice(0, -1));
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  }

  /**
   * Resolves with the first match in its output, now or later.
   *
   * @throws if the process ends without one.
   */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const watch = () => {
        const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (!found) return;
        this.#watchers.delete(watch);
        resolve(found);
      };
      this.#watchers.add(watch);
      watch();
      void this.ended.then((code) =>
        reject(new Error(`It ended with ${code} and never said ${pattern}:\n${this.output}`)),
      );
    });
  }

  /** Sends a signal and resolves with the exit code. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.child.kill(signal);
    return this.ended;
  }
}
