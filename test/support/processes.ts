import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** A process of the command line, with what it says. */
export interface TestProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Lines of its log, parsed. */
  readonly log: { msg: string; level: number }[];
  /** Resolves when a line of its output or log contains this. */
  said(part: string): Promise<void>;
}

/** Beats five times a second, and is dead after three seconds without: less, and a busy machine looks like death. */
export const quickPulse = { WATCHPOST_HEARTBEAT_MS: '200', WATCHPOST_DEAD_AFTER_S: '3' };

/** Starts a process, killed when the test file has ended. */
export const startProcess = (
  args: readonly string[],
  environment: Record<string, string>,
  program = main,
): TestProcess => {
  const dataDir = mkdtempSync(join(tmpdir(), 'watchpost-process-'));
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...quickPulse, WATCHPOST_DATA: dataDir, WATCHPOST_LOG: 'info', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  atEnd(() => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  });
  let output = '';
  const log: TestProcess['log'] = [];
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('{')) log.push(JSON.parse(line));
      for (const listener of listeners) listener();
    });
  }
  return {
    child,
    pid: child.pid as number,
    log,
    said: (part) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!output.includes(part)) return;
          listeners.delete(look);
          resolve();
        };
        listeners.add(look);
        look();
        child.once('exit', (code) => reject(new Error(`It ended with ${code}: ${output}`)));
      }),
  };
};

/**
 * A worker process that is at work.
 *
 * @param program another version's main.ts.
 */
export const startWorkerProcess = async (
  databaseUrl: string,
  environment: Record<string, string> = {},
  program = main,
): Promise<TestProcess> => {
  const worker = startProcess(
    ['work'],
    { DATABASE_URL: databaseUrl, WATCHPOST_CONCURRENCY: '1', ...environment },
    program,
  );
  await worker.said('is at work');
  return worker;
};
