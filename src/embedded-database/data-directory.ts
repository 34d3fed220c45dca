/**
 * Ensures that only one process uses a data directory, and lets others find out which.
 *
 * PGlite opens a directory that another process has open, and the two destroy it. Two files prevent that:
 * - `database.guard`, an empty SQLite file on which the process holds an exclusive transaction. The kernel grants its lock
 *   to one process and releases it when that process ends in whatever way, so there is no stale lock to detect. (Node has
 *   no flock.)
 * - `database.lock`, JSON that says who holds the guard and where it serves. It may have been left by a dead process, so a
 *   reader checks that the process lives and is the one that wrote it.
 *
 * A third, `database.password`, has the password of the database, in the form that libpq reads (its parameter `passfile`).
 * The directory is open to its owner only.
 */

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';

/** An embedded database that serves. */
export interface Running {
  pid: number;
  /** postgres://postgres:PASSWORD@127.0.0.1:PORT/postgres */
  url: string;
  startedAt: Date;
}

/** Another process has the data directory; the message says which. */
export class DataDirectoryLocked extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'DataDirectoryLocked';
  }
}

/** The content of `database.lock`. */
interface Holder {
  pid: number;
  /** When the process started, as the kernel counts it: distinguishes it from a later process with the same pid. */
  processStart: string | undefined;
  startedAt: string;
  /** Missing until the database serves. */
  url?: string;
}

const guardFile = (dataDir: string) => join(dataDir, 'database.guard');
/** Where the password of an embedded database is, for programs that use libpq. */
export const passwordFile = (dataDir: string): string => join(dataDir, 'database.password');
const lockFile = (dataDir: string) => join(dataDir, 'database.lock');

/**
 * Finds the embedded database that serves a data directory.
 *
 * @returns undefined if none does: it was never started, has ended, or is still starting.
 */
export const readRunning = async (dataDir: string): Promise<Running | undefined> => {
  const holder = await readHolder(dataDir);
  if (holder?.url === undefined || !(await isAlive(holder))) return undefined;
  return { pid: holder.pid, url: holder.url, startedAt: new Date(holder.startedAt) };
};

/** A data directory that this process has locked. */
export class DataDirectory {
  readonly #path: string;
  readonly #guard: DatabaseSync;
  readonly #startedAt = new Date().toISOString();

  private constructor(path: string, guard: DatabaseSync) {
    this.#path = path;
    this.#guard = guard;
  }

  /**
   * Locks a data directory for this process; creates it if it is missing.
   *
   * @throws {DataDirectoryLocked} if another process has it.
   */
  static async lock(path: string): Promise<DataDirectory> {
    await mkdir(path, { recursive: true, mode: 0o700 });
    // One that was there may have been made by hand.
    await chmod(path, 0o700);
    const guard = new DatabaseSync(guardFile(path));
    try {
      guard.exec('begin exclusive');
    } catch (error) {
      guard.close();
      if (!/locked|busy/.test((error as Error).message)) throw error;
      throw new DataDirectoryLocked(await describeHolder(path));
    }
    const directory = new DataDirectory(path, guard);
    await directory.announce();
    return directory;
  }

  /** The password of its database, which is made when it is asked for first. */
  async password(): Promise<string> {
    const file = passwordFile(this.#path);
    const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    const [, password] = /^\*:\*:\*:postgres:([\w-]+)\n$/.exec(known ?? '') ?? [];
    if (password !== undefined) return password;
    const made = randomBytes(24).toString('base64url');
    const draft = `${file}.${process.pid}`;
    await writeFile(draft, `*:*:*:postgres:${made}\n`, { mode: 0o600 });
    await rename(draft, file);
    return made;
  }

  /** Writes to `database.lock` that this process has the directory and, once it serves, at which URL. */
  async announce(url?: string): Promise<void> {
    const holder: Holder = {
      pid: process.pid,
      processStart: await processStart(process.pid),
      startedAt: this.#startedAt,
      ...(url === undefined ? {} : { url }),
    };
    // Renamed into place, so that no reader sees half of it.
    const draft = `${lockFile(this.#path)}.${process.pid}`;
    await writeFile(draft, `${JSON.stringify(holder)}\n`, { mode: 0o600 });
    await rename(draft, lockFile(this.#path));
  }

  /** Unlocks it for the next process. */
  async release(): Promise<void> {
    await rm(lockFile(this.#path), { force: true });
    // The guard stays: if it were removed, one process could hold the old file and another create a new one.
    this.#guard.close();
  }
}

const readHolder = async (dataDir: string): Promise<Holder | undefined> => {
  try {
    return JSON.parse(await readFile(lockFile(dataDir), 'utf8')) as Holder;
  } catch {
    return undefined;
  }
};

const isAlive = async ({ pid, processStart: start }: Holder): Promise<boolean> => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is such a process, but it belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = await processStart(pid);
  return now === undefined || start === undefined || now === start;
};

/** Field 22 of /proc/PID/stat, in clock ticks since boot; undefined where there is no /proc. */
const processStart = async (pid: number): Promise<string | undefined> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
  // The second field is the name of the program in parentheses, and may contain spaces and parentheses.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
};

const describeHolder = async (dataDir: string): Promise<string> => {
  // A process that has just got the guard writes the lock file a moment later.
  for (let attempt = 0; attempt < 20; attempt++) {
    const holder = await readHolder(dataDir);
    if (holder && (await isAlive(holder))) {
      const where = holder.url === undefined ? 'is starting there' : `serves ${withoutPassword(holder.url)}`;
      return `${dataDir} is in use: process ${holder.pid} has had it since ${holder.startedAt} and ${where}`;
    }
    await sleep(50);
  }
  return `${dataDir} is in use by a process that has not said which (in another container, perhaps)`;
};

/** A URL as it may be shown. */
export const withoutPassword = (url: string): string => Object.assign(new URL(url), { password: '' }).href;
