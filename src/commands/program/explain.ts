import pg from 'pg';
import { ConfigError } from '../../config.ts';
import { CommandError, toWatchpostError } from '../../errors.ts';
import { VisionError } from '../../vision/errors.ts';

/**
 * The message for the terminal about an error that ended a command: a sentence, what to do, and the code. Only an
 * unexpected error has its stack, for a bug report.
 */
export const explain = (error: unknown): string => {
  if (error instanceof ConfigError || error instanceof CommandError || error instanceof VisionError) {
    return error.message;
  }
  const { code, message, hint } = toWatchpostError(error);
  // The database's own message names the value.
  if (code !== 'internal' && code !== 'value_invalid') return lines(message, hint, `(${code})`);
  if (error instanceof pg.DatabaseError) {
    return lines(`The database refused: ${error.message}`, error.detail, error.hint);
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
};

const lines = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join('\n');
