import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { atEnd } from './at-end.ts';
import { mainFile, NodeProcess } from './node-process.ts';

/** Starts `node ...args` with these variables added to the environment; killed when the test file has ended. */
export const startNode = (args: readonly string[], environment: Record<string, string> = {}): NodeProcess => {
  const started = new NodeProcess(args, { ...process.env, ...environment });
  atEnd(() => started.stop('SIGKILL'));
  return started;
};

/**
 * A heartbeat five times a second, and dead after three seconds without one. With less time, a process on a busy machine
 * is taken for dead.
 */
const quickPulse = { WATCHPOST_HEARTBEAT_MS: '200', WATCHPOST_DEAD_AFTER_S: '3' };

/**
 * Starts a command that stays, with a quick pulse and a data folder of its own; killed when the test file has ended.
 *
 * @param program another version's main.ts.
 */
export const startProcess = (
  args: readonly string[],
  environment: Record<string, string>,
  program = mainFile,
): NodeProcess => {
  const dataDir = mkdtempSync(join(tmpdir(), 'watchpost-process-'));
  atEnd(() => rmSync(dataDir, { recursive: true, force: true }));
  const settings = { ...quickPulse, WATCHPOST_DATA: dataDir, WATCHPOST_LOG: 'info', ...environment };
  return startNode([program, ...args], settings);
};

/**
 * A worker process that is running.
 *
 * @param program another version's main.ts.
 */
export const startWorkerProcess = async (
  databaseUrl: string,
  environment: Record<string, string> = {},
  program = mainFile,
): Promise<NodeProcess> => {
  const worker = startProcess(
    ['work'],
    { DATABASE_URL: databaseUrl, WATCHPOST_CONCURRENCY: '1', ...environment },
    program,
  );
  await worker.says(/is at work/);
  return worker;
};
