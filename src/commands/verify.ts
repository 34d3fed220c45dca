import { readFile } from 'node:fs/promises';
import type { Database } from '../database/pool.ts';
import { findHead, readExtent, readHead, verifyRecord } from '../database/verify.ts';
import { CommandError } from '../errors.ts';

/**
 * `watchpost verify`: compares the record with its seals.
 *
 * @param options.head Only print the latest seal: number, digest and time, one line to keep elsewhere.
 * @param options.against Such a line, a digest, or a file that ends with one: must still be part of the chain.
 * @returns whether all is well.
 */
export const verify = async (
  database: Database,
  options: { head?: boolean; against?: string; json?: boolean },
): Promise<boolean> => {
  const head = await readHead(database);
  if (options.head) {
    if (!head) throw new CommandError('Nothing is sealed yet; a worker seals what is complete every 10 s.');
    process.stdout.write(`${head.number} ${head.digest} ${head.sealed_at.toISOString()}\n`);
    return true;
  }

  const noted = options.against === undefined ? undefined : await readNoted(options.against);
  const findings = await verifyRecord(database);
  const extent = await readExtent(database);
  const kept = noted === undefined ? undefined : await find(database, noted);

  if (options.json) {
    process.stdout.write(
      `${JSON.stringify({ ok: findings.length === 0 && kept !== null, ...extent, head, against: kept, findings })}\n`,
    );
  } else {
    for (const { seal, what, relation, row_id, detail } of findings) {
      process.stdout.write(
        `FAIL  seal ${seal}  ${what}${row_id ? `  ${relation} ${row_id}` : ''}\n      ${detail}\n`,
      );
    }
    if (kept === null) {
      process.stdout.write('FAIL  the head that was kept is not part of the chain: it was rewritten since\n');
    }
    if (kept) process.stdout.write(`ok    the head that was kept is seal ${kept.number}\n`);
    if (findings.length === 0) {
      process.stdout.write(
        `ok    ${extent.rows} rows are as they were sealed, in ${extent.seals} seals; ${extent.unsealed} are not sealed yet\n`,
      );
    }
  }
  return findings.length === 0 && kept !== null;
};

const find = async (database: Database, noted: string) => {
  try {
    return (await findHead(database, noted)) ?? null;
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(`--against: ${error.message}`);
    throw error;
  }
};

/** A digest or a line as it is; else the last line of the file of that name. */
const readNoted = async (against: string): Promise<string> => {
  if (/^\s*(\d+\s+)?[0-9a-f]{64}\b/i.test(against)) return against;
  const text = await readFile(against, 'utf8').catch((error: Error) => {
    throw new CommandError(
      `--against: it is neither a digest nor a file that can be read (${error.message}).`,
    );
  });
  return text.trim().split('\n').at(-1) ?? '';
};
