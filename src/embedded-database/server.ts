/**
 * The process of the embedded database.
 *
 *   node server.ts --data-dir DIR | --memory [--port N] [--no-fsync] [--idle-in-transaction-ms N]
 *
 * Started by `startEmbedded` it reports by IPC, and ends when its parent does. Started by hand it prints the
 * URL on standard output. SIGTERM, SIGINT and the message 'stop' end it in order: the statement that runs is
 * finished, clients are told, the files are closed. Its exit codes are in `EXIT`.
 */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from './engine.ts';
import { Front } from './front.ts';
import { DataDirectoryLocked, Lock } from './lock.ts';

/** Why the process ended. */
export const EXIT = {
  stopped: 0,
  /** it could not start: no such port, no right to the directory */
  failedToStart: 1,
  /** the engine failed; a new start recovers the database */
  engineFailure: 70,
  /** another process has the data directory */
  locked: 75,
} as const;

/** What the process tells its parent. */
export type ServerMessage =
  | { type: 'ready'; url: string }
  | { type: 'failed'; locked: boolean; message: string };

function tell(message: ServerMessage): void {
  // the parent may be gone by now, which is noticed elsewhere
  process.send?.(message, undefined, undefined, () => {});
}

/** The engine cannot go on, and nor can anything in this process. */
function fail(reason: string): never {
  console.error(`embedded database: the engine failed and the process ends: ${reason}`);
  process.exit(EXIT.engineFailure);
}

async function serve(): Promise<void> {
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

  const lock = dataDir === undefined ? undefined : await Lock.take(dataDir);
  const engine = await Engine.open({
    ...(dataDir === undefined ? {} : { dataDir: join(dataDir, 'database') }),
    fsync: !values['no-fsync'] && dataDir !== undefined,
    onLog: (line) => console.error(line),
    onFailure: fail,
  });
  const idle = values['idle-in-transaction-ms'];
  const front = await Front.listen(engine, {
    port: Number(values.port),
    ...(idle === undefined ? {} : { idleInTransactionMs: Number(idle) }),
  });
  const url = `postgres://postgres@127.0.0.1:${front.port}/postgres`;
  await lock?.announce(url);

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await front.close();
    await engine.close();
    await lock?.release();
    process.exit(EXIT.stopped);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('disconnect', stop);
  process.on('message', (message) => {
    if (message === 'stop') void stop();
  });
  if (process.send && !process.connected) await stop();

  tell({ type: 'ready', url });
  if (!process.send) console.log(url);
}

// Timers of the engine run outside any of its calls; and a fault of the front is no reason to trust it on.
process.on('uncaughtException', (error) => fail(String(error?.stack ?? error)));

try {
  await serve();
} catch (error) {
  const locked = error instanceof DataDirectoryLocked;
  const message = error instanceof Error ? error.message : String(error);
  console.error(`embedded database: ${message}`);
  tell({ type: 'failed', locked, message });
  process.exitCode = locked ? EXIT.locked : EXIT.failedToStart;
  // leaves the message time to reach the parent; nothing else keeps the process alive
  process.disconnect?.();
  setTimeout(() => process.exit(), 1_000).unref();
}
