import { availableParallelism } from 'node:os';

/**
 * Settings of glibc's allocator, read when a process starts.
 *
 * The first two keep freed memory instead of returning it to the system: blocks of up to 32 MiB (the largest value
 * allowed) are reused, and up to 256 MiB are kept. Without them every decoded photo is a new mapping, which costs 16%
 * more CPU.
 *
 * The third limits the number of arenas to the number of cores. By default there are eight for each core, each keeps
 * the most memory that was ever in use in it, and a worker grows for minutes.
 *
 * Other C libraries ignore these settings. Figures: docs/performance.md.
 */
export const memorySettings = {
  MALLOC_MMAP_THRESHOLD_: String(32 * 1024 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(256 * 1024 * 1024),
  MALLOC_ARENA_MAX: String(availableParallelism()),
};

/**
 * Limits V8's young generation to twice 16 MB in each thread; by default it grows to twice 64. Photos lie outside the
 * heap and are freed only when V8 collects, so a larger young generation keeps more of them. 16 costs no CPU; 8 and
 * less do. Figures: docs/performance.md.
 */
export const heapSettings = ['--max-semi-space-size=16'];

/** Commands that process photos for as long as they run. */
const photoCommands = ['up', 'work', 'demo'];

/**
 * Replaces this process with a new one that has these settings, if the command needs them and they are not set yet.
 */
export const keepMemory = (): void => {
  const configured =
    Object.keys(memorySettings).every((name) => name in process.env) &&
    process.execArgv.some((option) => option.startsWith('--max-semi-space-size'));
  if (
    process.platform !== 'linux' ||
    configured ||
    !process.execve ||
    !photoCommands.includes(process.argv[2] ?? '')
  )
    return;
  process.execve(
    process.execPath,
    [process.execPath, ...heapSettings, ...process.execArgv, ...process.argv.slice(1)],
    { ...memorySettings, ...process.env },
  );
};
