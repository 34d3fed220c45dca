/**
 * The program of the embedded database's process.
 *
 *   node process.ts --data-dir DIR | --memory [--port N] [--no-fsync] [--idle-in-transaction-ms N]
 *
 * Forked by `startEmbedded` it reports over IPC and ends when its parent does. Started by hand it prints its URL on
 * standard output. SIGTERM, SIGINT and the IPC message 'stop' end it in order: the running statement is finished, clients
 * get an error that says so, the files are closed. `exitCodes` has its exit codes.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { whyUnusableFile } from '../file-errors.ts';
import { DataDirectory, DataDirectoryLocked, withoutPassword } from './data-directory.ts';
import { Engine } from './engine.ts';
import { DatabaseServer } from './server.ts';

const exitCodes = {
  stopped: 0,
  /** It could not start: the port is taken, or the directory not writable. */
  failedToStart: 1,
  /** The engine failed; the next start recovers the database. */
  engineFailure: 70,
  /** Another process has the data directory. */
  locked: 75,
} as const;

/** What the process reports to its parent. */
export type ProcessReport =
  | { type: 'ready'; url: string }
  | { type: 'failed'; locked: boolean; message: string };

const report = (message: ProcessReport): void => {
  // An error here means that the parent has ended, which the 'disconnect' event handles.
  process.send?.(message, undefined, undefined, () => {});
};

/** Ends the process at once: the state of the engine is unknown. */
const fail = (reason: string): never => {
  console.error(`embedded database: the engine failed and the process ends: ${reason}`);
  process.exit(exitCodes.engineFailure);
};

const readOptions = () => {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string' },
      memory: { type: 'boolean', default: false },
      port: { type: 'string', default: '0' },
      'no-fsync': { type: 'boolean', default: false },
      'idle-in-transaction-ms': { type: 'string' },
    },
  });
  const dataDir = values.memory ? undefined : values['data-dir'];
  if (dataDir === undefined && !values.memory) throw new Error('--data-dir DIR or --memory is missing');
  const idle = values['idle-in-transaction-ms'];
  return {
    dataDir,
    fsync: !values['no-fsync'] && dataDir !== undefined,
    server: {
      port: Number(values.port),
      ...(idle === undefined ? {} : { idleInTransactionMs: Number(idle) }),
    },
  };
};

const serve = async (): Promise<void> => {
  // What the engine writes is for its owner only.
  process.umask(0o077);
  const options = readOptions();
  const directory = options.dataDir === undefined ? undefined : await DataDirectory.lock(options.dataDir);
  const engine = await Engine.open({
    ...(options.dataDir === undefined ? {} : { dataDir: join(options.dataDir, 'database') }),
    fsync: options.fsync,
    onLog: (line) => console.error(line),
    onFailure: fail,
  });
  const password = await directory?.password();
  const server = await DatabaseServer.listen(engine, {
    ...options.server,
    ...(password === undefined ? {} : { password }),
  });
  const url = `postgres://postgres${password === undefined ? '' : `:${password}`}@127.0.0.1:${server.port}/postgres`;
  await directory?.announce(url);

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await server.close();
    await engine.close();
    await directory?.release();
    process.exit(exitCodes.stopped);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop);
  process.on('message', (message) => {
    if (message === 'stop') void stop();
  });
  if (process.send && !process.connected) await stop();

  report({ type: 'ready', url });
  if (!process.send) console.log(withoutPassword(url));
};

// The engine has timers of its own, and after an error in the server its state cannot be trusted either.
process.on('uncaughtException', (error) => fail(String(error?.stack ?? error)));

try {
  await serve();
} catch (error) {
  const locked = error instanceof DataDirectoryLocked;
  const why = whyUnusableFile(error);
  const raw = error instanceof Error ? error.message : String(error);
  const message = why ? `${(error as NodeJS.ErrnoException).path} cannot be used: ${why}` : raw;
  console.error(`embedded database: ${message}`);
  report({ type: 'failed', locked, message });
  process.exitCode = locked ? exitCodes.locked : exitCodes.failedToStart;
  // Gives the message time to reach the parent; nothing else keeps the process alive.
  process.disconnect?.();
  setTimeout(() => process.exit(), 1_000).unref();
}
