import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** What Linux knows of running processes. */

/** Clock ticks a second of /proc, the same on every Linux. */
const ticks = 100;

/** CPU seconds that a process has used so far. */
export const cpuSecondsOf = async (pid: number): Promise<number> => {
  const fields = await statOf(pid);
  return (Number(fields[11]) + Number(fields[12])) / ticks;
};

/** Megabytes that a process has in memory now, and had at most. */
export const residentOf = async (pid: number): Promise<{ now: number; most: number }> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return { now: megabytes(status, 'VmRSS'), most: megabytes(status, 'VmHWM') };
};

/**
 * Megabytes that processes have for themselves, and all of theirs with shared memory counted once. Processes that end
 * meanwhile count as nothing.
 */
export const memoryOf = async (pids: readonly number[]): Promise<{ own: number; all: number }> => {
  const texts = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')),
  );
  const sum = (name: string) =>
    texts.reduce((total, text) => (text ? total + megabytes(text, name) : total), 0);
  return { own: sum('Pss_Anon'), all: sum('Pss') };
};

/** A server's processes, the postmaster first, from the process id of any of its backends. */
export const familyOf = async (backend: number): Promise<number[]> => {
  const parent = Number((await statOf(backend))[1]);
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(all.map((pid) => statOf(pid).catch((): string[] => [])));
  return [parent, ...all.filter((_, index) => Number(parents[index]?.[1]) === parent)];
};

/** The processes that a process has started and that run now. */
export const childrenOf = async (pid: number): Promise<number[]> => {
  const all = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(all.map((one) => statOf(one).catch((): string[] => [])));
  return all.filter((_, index) => Number(parents[index]?.[1]) === pid);
};

/** Lets processes, all their threads, and what they start from now on, run on these cores only. */
export const pin = async (pids: readonly number[], cores: readonly number[]): Promise<void> => {
  for (const pid of pids) {
    // A process may have ended since it was found.
    await promisify(execFile)('taskset', ['-a', '-p', '-c', cores.join(','), String(pid)]).catch((error) => {
      if (error.code === 'ENOENT') throw error;
    });
  }
};

/** The fields after the name, which stands in parentheses and may hold spaces. */
const statOf = async (pid: number): Promise<string[]> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
};

const megabytes = (text: string, name: string): number => {
  const [, kilobytes] = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text) ?? [];
  if (!kilobytes) throw new Error(`/proc does not have ${name}`);
  return Number(kilobytes) / 1024;
};
