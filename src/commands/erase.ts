import { Option } from 'commander';
import { clearSpace } from '../database/clear-space.ts';
import { WatchpostError } from '../errors.ts';
import {
  countErased,
  countHistory,
  type Erasing,
  erasedThings,
  eraseForGood,
  listErasures,
  type Receipt,
} from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { deletionProgress, transactions } from './program/deleting.ts';
import { findPersonItself, personArgument } from './program/find-person.ts';
import { type Io, print, printJson } from './program/io.ts';
import { identifier, positionOption, tokenOption } from './program/options.ts';
import type { AddCommand, Context } from './program/session.ts';
import { printRows } from './program/table.ts';

/** erase: people and images, for good. */
export const eraseCommand: AddCommand = (program, session) => {
  const erase = program
    .command('erase')
    .description('Erase people and images for good, also what the record says about them')
    .addHelpText(
      'after',
      `
  It leaves a receipt: how many rows of each table, their hashes, who and when. It removes row by row, in batches; if
  it is interrupted, run it again. The space of removed rows keeps their bytes until it is used again: "erase clean"
  clears it. Backups and the WAL are not reached: docs/erasure.md.`,
    );
  for (const add of [erasePerson, eraseImage, eraseList, eraseClean]) add(erase, session);
};

interface EraseOptions {
  readonly withMatchedFaces?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const erasePerson: AddCommand = (erase, session) =>
  erase
    .command('person')
    .description(
      'Erase a person: rows, photos, crops, vectors, alerts, notes, and what events say about them',
    )
    .argument('<person>', `${personArgument}; the id also of somebody who was removed before`, tokenOption)
    .option('--with-matched-faces', 'also the faces they were matched to, and photos that show nobody else')
    .option('--dry-run', 'count what would be erased, and erase nothing; takes as long')
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, wanted: string, options: EraseOptions) => {
        const { db } = await connect(context);
        const { id, name } = await findPersonItself(db, wanted).catch((error: unknown) => {
          // Events may still say something about somebody who was removed.
          const isGone = error instanceof WatchpostError && error.code === 'person_unknown';
          if (!isGone || !isId(wanted)) throw error;
          return { id: wanted.toLowerCase(), name: wanted };
        });
        await eraseShown(
          context,
          { what: 'person', id, withMatchedFaces: options.withMatchedFaces },
          name,
          options,
        );
      }),
    );

const isId = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

const eraseImage: AddCommand = (erase, session) =>
  erase
    .command('image')
    .description('Erase an image with its faces, searches and matches, also if an alert rests on it')
    .argument('<id>', 'its id', identifier)
    .option('--dry-run', 'count what would be erased, and erase nothing')
    .option('--json', 'print JSON')
    .action(
      session.action((context, id: string, options: EraseOptions) =>
        eraseShown(context, { what: 'image', id }, `The image ${id}`, options),
      ),
    );

const eraseShown = async (
  context: Context,
  erasing: Erasing,
  name: string,
  { dryRun, json }: EraseOptions,
): Promise<void> => {
  const { io } = context;
  const { db } = await connect(context);
  if (dryRun) {
    const counts = await countErased(db, erasing);
    if (json) return printJson(io, { dryRun, counts });
    return print(io, `${name} would be erased:\n${listOf(counts)}`);
  }
  const { entries, alerts, photos } = await countHistory(db, { person: erasing.id });
  const progress = deletionProgress(io, 'entries, alerts and photos erased', entries + alerts + photos);
  const erased = await eraseForGood(transactions(db), erasing, { onErased: progress.step });
  progress.end();
  if (json) return printJson(io, erased);
  printReceipt(io, name, erased);
};

const listOf = (counts: Record<string, number>): string =>
  Object.entries(counts)
    .map(([table, rows]) => `  ${table}  ${rows}`)
    .join('\n');

const printReceipt = (io: Io, name: string, erased: Receipt & { proof_key: string | null }): void => {
  const { id, actor, finished_at, counts, proof_key } = erased;
  print(io, `${name} is erased${proof_key ? '' : ' already'}:\n${listOf(counts)}`);
  print(io, `receipt ${id}, by ${actor}, ${finished_at?.toISOString()}`);
  if (proof_key)
    print(
      io,
      `key of its hashes, which is not stored: ${proof_key}\nRun "erase clean" to clear the space of the removed rows.`,
    );
};

const eraseList: AddCommand = (erase, session) =>
  erase
    .command('list')
    .description('List the receipts, the latest first')
    .addOption(
      new Option('--what <word>', 'only of these; without it, of people and images').choices([
        ...erasedThings,
      ]),
    )
    .option('--after <id>', 'the next page: those before this receipt', identifier)
    .option('--limit <number>', 'at most this many', positionOption, 20)
    .option('--json', 'print JSON')
    .action(
      session.action(
        async (
          context,
          { json, ...page }: { what?: Receipt['what']; after?: string; limit: number; json?: boolean },
        ): Promise<void> => {
          const { db } = await connect(context);
          printRows(context.io, await listErasures(db, page), {
            json,
            none: 'nothing was erased',
            columns: (one) => ({
              id: one.id,
              what: one.what,
              subject: one.subject_id,
              by: one.actor,
              finished_at: one.finished_at ?? 'interrupted',
              rows: Object.values(one.counts).reduce((sum, rows) => sum + rows, 0),
            }),
          });
        },
      ),
    );

const eraseClean: AddCommand = (erase, session) =>
  erase
    .command('clean')
    .description('Clear the space that erased rows have left in the files of the database')
    .option('--full', 'rewrite the tables, so that no byte is left; nobody can use each of them meanwhile')
    .action(
      session.action(async (context, { full = false }: { full?: boolean }) => {
        const { io, config } = context;
        const database = await connect(context);
        const shared = config.databaseUrl !== undefined;
        await clearSpace(database, { full, shared, onTable: (name) => io.stderr.write(`${name} …\n`) });
        print(
          io,
          full
            ? 'The tables hold no removed row any more.'
            : 'Removed rows are out of the tables and indexes; free space in the files may keep bytes of them until it is used again, or until "erase clean --full".',
        );
      }),
    );
