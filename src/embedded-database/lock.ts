/**
 * One process per data directory.
 *
 * PGlite itself opens a directory that another process has open, and the two destroy it. Two files guard it:
 * - `database.guard`, an empty SQLite file that the server holds an exclusive transaction on. The kernel
 *   gives it to one process and takes it back when that process ends, in whatever way: there is nothing
 *   stale to judge, and of two that start at once exactly one gets it. (Node has no flock of its own.)
 * - `database.lock`, JSON that says who holds the guard and where it serves, for others to read. It may be
 *   that of a dead process, so a reader checks that the process lives and is the one that wrote it.
 */

import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  pid: number;
  /** postgres://postgres@127.0.0.1:PORT/postgres */
  url: string;
  startedAt: Date;
}

/** The data directory belongs to another process; the message says to which. */
export class DataDirectoryLocked extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DataDirectoryLocked';
  }
}

interface Holder {
  pid: number;
  /** the process's start as the system counts it, to tell it from a later one with the same pid */
  processStart: string | undefined;
  startedAt: string;
  /** absent until the database serves */
  url?: string;
}

const guardFile = (dataDir: string) => join(dataDir, 'database.guard');
const lockFile = (dataDir: string) => join(dataDir, 'database.lock');

/** Field 22 of /proc/PID/stat, in clock ticks since boot; undefined where there is no /proc. */
async function processStart(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // the second field is the command's name in parentheses, with any characters in it
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

async function readHolder(dataDir: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(lockFile(dataDir), 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, processStart: start }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is such a process, of another user
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await processStart(pid);
  return now === undefined || start === undefined || now === start;
}

/**
 * Where the database in this data directory is being served.
 *
 * @returns undefined if it is not: never started, ended, killed, or still starting
 */
export async function readRunning(dataDir: string): Promise<Running | undefined> {
  const holder = await readHolder(dataDir);
  if (holder?.url === undefined || !(await isAlive(holder))) return undefined;
  return { pid: holder.pid, url: holder.url, startedAt: new Date(holder.startedAt) };
}

export class Lock {
  readonly #dataDir: string;
  readonly #guard: DatabaseSync;
  readonly #startedAt = new Date().toISOString();

  private constructor(dataDir: string, guard: DatabaseSync) {
    this.#dataDir = dataDir;
    this.#guard = guard;
  }

  /**
   * Makes the data directory, if need be, and takes it for this process.
   *
   * @throws {DataDirectoryLocked} if another process has it
   */
  static async take(dataDir: string): Promise<Lock> {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const guard = new DatabaseSync(guardFile(dataDir));
    try {
      guard.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      guard.close();
      if (!/locked|busy/.test((error as Error).message)) throw error;
      throw new DataDirectoryLocked(await describeHolder(dataDir));
    }
    const lock = new Lock(dataDir, guard);
    await lock.announce();
    return lock;
  }

  /** Tells others that this process has the directory and, once it serves, where. */
  async announce(url?: string): Promise<void> {
    const holder: Holder = {
      pid: process.pid,
      processStart: await processStart(process.pid),
      startedAt: this.#startedAt,
      ...(url === undefined ? {} : { url }),
    };
    // renamed into place, so that a reader never finds half of it
    const draft = `${lockFile(this.#dataDir)}.${process.pid}`;
    await writeFile(draft, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
    await rename(draft, lockFile(this.#dataDir));
  }

  async release(): Promise<void> {
    await rm(lockFile(this.#dataDir), { force: true });
    // the guard's file stays: removed, it could be held by one process and made anew by another
    this.#guard.close();
  }
}

async function describeHolder(dataDir: string): Promise<string> {
  // whoever has just taken the guard writes its name a moment later
  for (let attempt = 0; attempt < 20; attempt++) {
    const holder = await readHolder(dataDir);
    if (holder && (await isAlive(holder))) {
      const where = holder.url === undefined ? 'is starting there' : `serves ${holder.url}`;
      return `${dataDir} is in use: process ${holder.pid} has had it since ${holder.startedAt} and ${where}`;
    }
    await sleep(50);
  }
  return `${dataDir} is in use by a process that has not said which (in another container, perhaps)`;
}
