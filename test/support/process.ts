import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** A process of ours: what it has printed, and ways to wait for it. Killed when the test has ended, if it has not. */
export interface Running {
  readonly child: ChildProcess;
  /** All of stdout and stderr so far. */
  output(): string;
  /** Resolves when its output matches; rejects if it ends before. */
  until(pattern: RegExp): Promise<void>;
  /** Resolves with its exit code, null if a signal ended it. */
  readonly ended: Promise<number | null>;
}

/** Starts `node FILE ...args` in the checkout with these variables added to the environment. */
export const startNode = (args: readonly string[], env: Record<string, string> = {}): Running => {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const watch of watchers) watch();
    });
  }
  const ended = once(child, 'close').then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const until = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const watch = () => {
        if (!pattern.test(output)) return;
        watchers.delete(watch);
        resolve();
      };
      watchers.add(watch);
      watch();
      void ended.then(() => reject(new Error(`The process ended before it said ${pattern}:\n${output}`)));
    });
  return { child, output: () => output, until, ended };
};
