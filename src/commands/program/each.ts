import { toWatchpostError } from '../../convert-error.ts';
import { CommandError } from '../../errors.ts';
import { explain } from './explain.ts';
import type { Io } from './io.ts';

/**
 * Does the same with each of several arguments of a command. One that fails is named with its reason on stderr, and the
 * others are done all the same. A single one fails as the command itself.
 *
 * @param act must leave nothing half done when it fails.
 * @returns whether all were done.
 * @throws what ends the command: see reasonOf.
 */
export const forEach = async (
  io: Io,
  wanted: readonly string[],
  act: (one: string) => Promise<void>,
): Promise<boolean> => {
  const different = [...new Set(wanted)];
  if (different.length === 1) {
    await act(different[0] as string);
    return true;
  }
  let failed = 0;
  for (const one of different) {
    try {
      await act(one);
    } catch (error) {
      io.stderr.write(`${one}: ${reasonOf(error)}\n`);
      failed += 1;
    }
  }
  if (failed > 0) io.stderr.write(`${different.length - failed} of ${different.length} are done.\n`);
  return failed === 0;
};

/**
 * Why one of several failed, on one line.
 *
 * @throws the error itself if it is none of this one: the database is away, or the program is at fault.
 */
export const reasonOf = (error: unknown): string => {
  const isSentence = error instanceof CommandError;
  if (
    !isSentence &&
    ['database_unavailable', 'schema_missing', 'internal'].includes(toWatchpostError(error).code)
  )
    throw error;
  return explain(error).replaceAll('\n', ' ');
};
