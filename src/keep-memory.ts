import { availableParallelism } from 'node:os';

/**
 * What glibc reads at the start of a process: memory of up to 32 MiB, the most that can be set, is taken from what was
 * freed before, and 256 MiB of that are kept. By itself glibc gives each picture back to the system and asks for the next
 * one, page by page: a photo with one face took 39.9 ms of CPU in the vision code, and takes 34.5.
 *
 * An arena a core: by itself glibc makes eight a core, and each of them keeps the most that was ever asked of it, by
 * whichever thread. On two cores a worker had 785 MB after 20 s and 926 after seven minutes; with two arenas it has 697,
 * 733 after three minutes, and stays there, for the same CPU a photo.
 *
 * Nothing where another C library is.
 */
export const memorySettings = {
  MALLOC_MMAP_THRESHOLD_: String(32 * 1024 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(256 * 1024 * 1024),
  MALLOC_ARENA_MAX: String(availableParallelism()),
};

/**
 * V8 keeps twice 16 MB of young objects at most in each thread, where by itself it comes to twice 64. It grows by doubling,
 * minutes apart, and photos, which lie outside its heap, are free only when it has looked: a worker that had 773 MB for
 * four minutes had 872 in the fifth. With 16 a photo takes the CPU that it took, 115 ms; with 8 it is 118, and with 4,
 * which would save 100 MB more, 126.
 */
export const heapSettings = ['--max-semi-space-size=16'];

/** The commands that see photos for as long as they run. */
const lasting = ['up', 'work', 'demo'];

/** Begins this process anew in its own place, with those of these settings that it has not, if it is to see photos. */
export const keepMemory = (): void => {
  const told =
    Object.keys(memorySettings).every((name) => name in process.env) &&
    process.execArgv.some((option) => option.startsWith('--max-semi-space-size'));
  if (process.platform !== 'linux' || told || !process.execve || !lasting.includes(process.argv[2] ?? ''))
    return;
  process.execve(
    process.execPath,
    [process.execPath, ...heapSettings, ...process.execArgv, ...process.argv.slice(1)],
    { ...memorySettings, ...process.env },
  );
};
