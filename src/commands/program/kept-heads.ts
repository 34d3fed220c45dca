import { readFile } from 'node:fs/promises';
import { type KeptHead, parseHead } from '../../database/verify.ts';
import { CommandError } from '../../errors.ts';
import { whyUnusableFile } from '../../file-errors.ts';

/**
 * The heads that are given with --head: a digest or a line, or else every head in the file of that name, in its order.
 *
 * @throws {CommandError} if it is neither, or the file holds none.
 */
export const readKeptHeads = async (given: string): Promise<KeptHead[]> => {
  const head = parseHead(given);
  if (head) return [head];
  const text = await readFile(given, 'utf8').catch((error: Error) => {
    throw new CommandError(
      `--head: ${given} is neither a digest nor a file that can be read: ${whyUnusableFile(error) ?? error.message}.`,
    );
  });
  const heads = text.split('\n').flatMap((line) => parseHead(line) ?? []);
  if (heads.length === 0)
    throw new CommandError(`--head: there is no digest (64 hexadecimal digits) in ${given}.`);
  return heads;
};
