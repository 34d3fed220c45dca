import type { Kysely } from 'kysely';
import { retryCollisions } from '../database/retry.ts';
import type { DB } from '../database/types.generated.ts';
import { type Duplicate, findDuplicates, mergePersons, unmergePersons } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { findMergedPerson, findPersonItself, personArgument } from './program/find-person.ts';
import { type Io, print } from './program/io.ts';
import { tokenOption, words } from './program/options.ts';
import type { AddCommand } from './program/session.ts';

/** The commands of `person` that make one person of two, and two of one again. */

export const personMerge: AddCommand = (person, session) =>
  person
    .command('merge')
    .description('Make one person of two: the first gets the photos, sightings, alerts and lists of both')
    .argument('<keep>', `who keeps name and key: ${personArgument}`, tokenOption)
    .argument('<merged>', 'whose id and key lead there from then on', tokenOption)
    .option('--note <words>', 'why', words)
    .action(
      session.action(async (context, wanted: string, other: string, { note }: { note?: string }) => {
        const { db } = await connect(context);
        const keep = await findPersonItself(db, wanted);
        const merged = await findPersonItself(db, other);
        const { moved } = await retryCollisions(() =>
          mergePersons(db, { keep: keep.id, merged: merged.id }, note),
        );
        print(context.io, `${merged.name} (${merged.id}) is merged into ${keep.name} (${keep.id})`, {
          merged,
          into: keep,
          moved,
        });
        print(context.io, `  ${figuresOf(moved)}`);
        print(context.io, `  to undo it: person unmerge ${merged.id}`);
      }),
    );

export const personUnmerge: AddCommand = (person, session) =>
  person
    .command('unmerge')
    .description('Undo a merge: everything is given back')
    .argument('<merged>', 'who was merged: id, external reference or name', tokenOption)
    .option('--note <words>', 'why', words)
    .action(
      session.action(async (context, wanted: string, { note }: { note?: string }) => {
        const { db } = await connect(context);
        const merged = await findMergedPerson(db, wanted);
        const { moved } = await retryCollisions(() => unmergePersons(db, merged.id, note));
        print(
          context.io,
          `${merged.name} (${merged.id}) is a person of their own again, apart from ${merged.survivor}`,
          { unmerged: merged, moved },
        );
        print(context.io, `  ${figuresOf(moved)}`);
      }),
    );

/** Says whom the photos of a person look like, and how the two become one. */
export const printDuplicates = async (io: Io, db: Kysely<DB>, personId: string): Promise<void> => {
  for (const other of await findDuplicates(db, personId)) print(io, offerOf(other, personId));
};

const offerOf = (other: Duplicate, personId: string): string =>
  `  looks like ${other.name}, who is enrolled too; if they are one person: person merge ${other.id} ${personId}`;

/** Tables that operators know by another name, in the order of what they ask first. */
const tables = {
  person_photo: 'photos',
  match: 'sightings',
  alert: 'alerts',
  watchlist_entry: 'entries of lists',
  cannot_link: 'cannot_links',
} as const;

const figuresOf = (moved: Readonly<Record<string, number>>): string =>
  Object.entries(tables)
    .flatMap(([table, words]) => (moved[table] ? [`${words}: ${moved[table]}`] : []))
    .join(', ') || 'nothing to move';
