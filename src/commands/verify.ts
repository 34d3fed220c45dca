import type { Database } from '../database/pool.ts';
import {
  countSeals,
  type Finding,
  findHead,
  type Head,
  type KeptHead,
  type Restore,
  readExtent,
  readHead,
  readRestores,
  verifyRecord,
  verifyTables,
} from '../database/verify.ts';
import { CommandError } from '../errors.ts';
import { connect } from './program/connect.ts';
import { type Io, print, printJson } from './program/io.ts';
import { readKeptHeads } from './program/kept-heads.ts';
import { Progress } from './program/progress.ts';
import type { AddCommand, Context } from './program/session.ts';
import { verifyEvidenceFile } from './verify-evidence.ts';

interface VerifyOptions {
  /**
   * True: print only the latest seal: number, digest and time, one line to keep elsewhere. Text: such a line, a digest, or a
   * file of them, all of which must still be part of the chain.
   */
  readonly head?: string | true;
  readonly evidence?: string;
  readonly full?: boolean;
  readonly json?: boolean;
}

/** verify: the record of events against its seals and the tables it speaks of, or the evidence of an alert. */
export const verifyCommand: AddCommand = (program, session) =>
  program
    .command('verify')
    .description(
      'Compare the record of events with its seals and the tables with the record; not 0 if anything was altered, removed or added',
    )
    .option(
      '--head [file or digest]',
      'without a value: only print the latest seal, a line to keep outside this system; with one: check that what was kept is still part of the chain',
    )
    .option('--full', 'also compare faces and vectors, and all photos and matches with the record')
    .option(
      '--evidence <file>',
      'check a file of "alert evidence": against the database, or with --head against a head that was kept, without a database',
    )
    .option('--json', 'print JSON')
    .action(session.action(verify));

const verify = async (context: Context, options: VerifyOptions): Promise<boolean> => {
  const { io } = context;
  const { head: wanted, evidence } = options;
  if (evidence !== undefined) {
    if (wanted === true) throw new CommandError('--head: give the file or digest that was kept.');
    return verifyEvidenceFile(context, evidence, wanted, options);
  }
  const kept = typeof wanted === 'string' ? await readKeptHeads(wanted) : undefined;
  const database = await connect(context, { max: 2 });
  const head = await readHead(database);
  if (wanted === true) {
    if (!head) throw new CommandError('Nothing is sealed yet; a worker seals what is complete every 10 s.');
    if (options.json) printJson(io, head);
    else print(io, `${head.number} ${head.digest} ${head.sealed_at.toISOString()}`);
    return true;
  }

  const findings = await compare(context, database, options.full ?? false);
  const extent = await readExtent(database);
  const restores = await readRestores(database);
  const keeping = kept === undefined ? undefined : await findKept(database, kept);
  const good = findings.length === 0 && (keeping?.missing.length ?? 0) === 0;
  if (options.json) printJson(io, { ok: good, ...extent, restores, head, kept: keeping ?? null, findings });
  else printFindings(io, { findings, extent, restores, keeping, full: options.full ?? false });
  return good;
};

/** Events and rows from which comparing them takes more than a moment. */
const showFrom = 100_000;

/** Compares the record with its seals and the tables with the record, and shows how far it is where that takes long. */
const compare = async ({ io }: Context, database: Database, full: boolean): Promise<Finding[]> => {
  const seals = new Progress(io.stderr, 'seals', await countSeals(database));
  const altered = await verifyRecord(database, { onProgress: (count) => seals.step(count) });
  seals.end();
  let tables: Progress | undefined;
  const differing = await verifyTables(database, {
    full,
    onProgress: (done, of) => {
      tables ??= new Progress(io.stderr, 'events and rows compared', of);
      if (of > showFrom) tables.reach(done);
    },
  });
  tables?.end();
  return [...altered, ...differing];
};

/** What became of the heads that were kept. */
interface Keeping {
  /** The latest that is part of the chain. */
  readonly found: Head | undefined;
  readonly count: number;
  readonly missing: readonly KeptHead[];
}

const findKept = async (database: Database, kept: readonly KeptHead[]): Promise<Keeping> => {
  const missing: KeptHead[] = [];
  let found: Head | undefined;
  for (const head of kept) {
    const seal = await findHead(database, head);
    if (!seal) missing.push(head);
    else if (!found || BigInt(seal.number) > BigInt(found.number)) found = seal;
  }
  return { found, count: kept.length, missing };
};

interface Outcome {
  readonly findings: readonly Finding[];
  readonly extent: Awaited<ReturnType<typeof readExtent>>;
  readonly restores: readonly Restore[];
  readonly keeping: Keeping | undefined;
  readonly full: boolean;
}

const printFindings = (io: Io, { findings, extent, restores, keeping, full }: Outcome): void => {
  for (const { seal, what, relation, row_id, detail } of findings) {
    const where = [seal === null ? what : `seal ${seal}  ${what}`, row_id ? `${relation} ${row_id}` : ''];
    print(io, `FAIL  ${where.filter(Boolean).join('  ')}\n      ${detail}`);
  }
  for (const { number, digest } of keeping?.missing ?? [])
    print(
      io,
      `FAIL  the head that was kept is not part of the chain: it was rewritten since\n      ${number ?? ''} ${digest}`,
    );
  if (keeping?.found && keeping.missing.length === 0)
    print(io, `ok    the head that was kept is seal ${keeping.found.number}${others(keeping.count)}`);
  for (const { number, sealed_at } of restores)
    print(
      io,
      `ok    seal ${number} of ${sealed_at.toISOString()}: restored from a dump, copied or moved, and continued`,
    );
  if (findings.length === 0) {
    const { rows, seals, unsealed, erased } = extent;
    print(
      io,
      `ok    ${rows} rows are as they were sealed, in ${seals} seals; ${unsealed} are not sealed yet`,
    );
    if (erased > 0)
      print(
        io,
        `ok    what ${erased} of them said about people was erased; their hashes are those that were sealed`,
      );
    print(
      io,
      `ok    the tables hold what the record says${full ? '' : '; --full compares faces, and every photo and match, too'}`,
    );
  }
  if (keeping === undefined)
    print(
      io,
      'note  whether the owner of the database rewrote both rows and seals shows only by a head that was kept elsewhere: verify --head FILE',
    );
};

const others = (count: number): string =>
  count > 1 ? `, and so are the ${count - 1} before it in the file` : '';
