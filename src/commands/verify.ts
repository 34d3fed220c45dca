import { readFile } from 'node:fs/promises';
import type { Database } from '../database/pool.ts';
import {
  countSeals,
  findHead,
  type Restore,
  readExtent,
  readHead,
  readRestores,
  verifyRecord,
} from '../database/verify.ts';
import { CommandError } from '../errors.ts';
import { whyUnusableFile } from '../file-errors.ts';
import { connect } from './program/connect.ts';
import { type Io, print, printJson } from './program/io.ts';
import { Progress } from './program/progress.ts';
import type { AddCommand, Context } from './program/session.ts';

interface VerifyOptions {
  /** Print only the latest seal: number, digest and time, one line to keep elsewhere. */
  readonly head?: boolean;
  /** Such a line, a digest, or a file that ends with one: must still be part of the chain. */
  readonly against?: string;
  readonly json?: boolean;
}

/** verify: the record of events against its seals. */
export const verifyCommand: AddCommand = (program, session) =>
  program
    .command('verify')
    .description(
      'Compare the record of events with its seals; not 0 if anything was altered, removed or added',
    )
    .option('--head', 'only print the latest seal, a line to keep outside this system')
    .option('--against <file or digest>', 'check that a line that was kept is still part of the chain')
    .option('--json', 'print JSON')
    .action(session.action(verify));

const verify = async (context: Context, options: VerifyOptions): Promise<boolean> => {
  const { io } = context;
  const database = await connect(context, { max: 2 });
  const head = await readHead(database);
  if (options.head) {
    if (!head) throw new CommandError('Nothing is sealed yet; a worker seals what is complete every 10 s.');
    print(io, `${head.number} ${head.digest} ${head.sealed_at.toISOString()}`);
    return true;
  }

  const noted = options.against === undefined ? undefined : await readNoted(options.against);
  const findings = await compare(context, database);
  const extent = await readExtent(database);
  const restores = await readRestores(database);
  const kept = noted === undefined ? undefined : await findKept(database, noted);
  const good = findings.length === 0 && kept !== null;
  if (options.json) printJson(io, { ok: good, ...extent, restores, head, against: kept, findings });
  else printFindings(io, findings, extent, restores, kept);
  return good;
};

/** Compares the record with its seals, and shows how far it is where there are more seals than one query compares. */
const compare = async ({ io }: Context, database: Database) => {
  const progress = new Progress(io.stderr, 'seals', await countSeals(database));
  const findings = await verifyRecord(database, { onProgress: (seals) => progress.step(seals) });
  progress.end();
  return findings;
};

/** @param kept null: the head is not part of the chain; undefined: no head was given. */
const printFindings = (
  io: Io,
  findings: Awaited<ReturnType<typeof verifyRecord>>,
  extent: Awaited<ReturnType<typeof readExtent>>,
  restores: readonly Restore[],
  kept: Awaited<ReturnType<typeof findKept>> | undefined,
): void => {
  for (const { seal, what, relation, row_id, detail } of findings) {
    print(io, `FAIL  seal ${seal}  ${what}${row_id ? `  ${relation} ${row_id}` : ''}\n      ${detail}`);
  }
  if (kept === null)
    print(io, 'FAIL  the head that was kept is not part of the chain: it was rewritten since');
  if (kept) print(io, `ok    the head that was kept is seal ${kept.number}`);
  for (const { number, sealed_at } of restores)
    print(
      io,
      `ok    seal ${number} of ${sealed_at.toISOString()}: restored from a dump, copied or moved, and continued`,
    );
  if (findings.length === 0) {
    const { rows, seals, unsealed } = extent;
    print(
      io,
      `ok    ${rows} rows are as they were sealed, in ${seals} seals; ${unsealed} are not sealed yet`,
    );
  }
};

const findKept = async (database: Database, noted: string) => {
  try {
    return (await findHead(database, noted)) ?? null;
  } catch (error) {
    if (error instanceof RangeError) throw new CommandError(`--against: ${error.message}`);
    throw error;
  }
};

/** What was given with --against: a digest or a line, or else the last line of the file of that name. */
const readNoted = async (against: string): Promise<string> => {
  if (/^\s*(\d+\s+)?[0-9a-f]{64}\b/i.test(against)) return against;
  const text = await readFile(against, 'utf8').catch((error: Error) => {
    throw new CommandError(
      `--against: ${against} is neither a digest nor a file that can be read: ${whyUnusableFile(error) ?? error.message}.`,
    );
  });
  return text.trim().split('\n').at(-1) ?? '';
};
