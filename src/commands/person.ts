import { legalBasisNames } from '../legal-bases.ts';
import { countHistory, findPersons, readPerson, removePerson, setPerson } from '../watchlist/registry.ts';
import { personAdd } from './person-add.ts';
import { personMerge, personUnmerge, printDuplicates } from './person-merge.ts';
import { personEnrolFace, personPhoto } from './person-photos.ts';
import { personReport } from './person-report.ts';
import { connect } from './program/connect.ts';
import { deletionProgress, listed, recordStays, transactions } from './program/deleting.ts';
import { findOnePerson, findPersonItself, personArgument } from './program/find-person.ts';
import { print, printJson } from './program/io.ts';
import {
  basisOption,
  metadataOption,
  momentOrNever,
  named,
  searched,
  tokenOption,
} from './program/options.ts';
import type { AddCommand } from './program/session.ts';
import { table, widthOf } from './program/table.ts';

/** person: the people who are searched for, and their photos. */
export const personCommand: AddCommand = (program, session) => {
  const person = program.command('person').description('People');
  for (const add of [
    personAdd,
    personList,
    personShow,
    personSet,
    personRemove,
    personPhoto,
    personMerge,
    personUnmerge,
    personEnrolFace,
    personReport,
  ])
    add(person, session);
};

/** People that are read at a time. */
const pageSize = 1000;

const personList: AddCommand = (person, session) =>
  person
    .command('list')
    .description('People, in the order in which they were added')
    .option('--name <beginning>', 'whose name begins like this', searched)
    .option('--watchlist <name>', 'who are on this list', searched)
    .option('--json', 'print JSON lines')
    .action(
      session.action(
        async (
          context,
          { json, ...filter }: { name?: string; watchlist?: string; json?: boolean },
        ): Promise<void> => {
          const { db } = await connect(context);
          let after: string | undefined;
          let people: Awaited<ReturnType<typeof findPersons>>;
          do {
            people = await findPersons(db, { ...filter, after, limit: pageSize });
            for (const one of people) {
              const lists = one.watchlists.map((list) => list.name).join(', ');
              const parts = [one.name, one.id, one.external_ref, `photos=${one.references}`, lists];
              print(context.io, json ? JSON.stringify(one) : parts.filter(Boolean).join('  '));
            }
            after = people.at(-1)?.id;
          } while (people.length === pageSize);
        },
      ),
    );

const personShow: AddCommand = (person, session) =>
  person
    .command('show')
    .description('A person and the state of each photo')
    .argument('<person>', personArgument, tokenOption)
    .option('--json', 'print JSON')
    .action(
      session.action(async (context, wanted: string, options: { json?: boolean }) => {
        const { db } = await connect(context);
        const found = await readPerson(db, (await findOnePerson(db, wanted)).id);
        if (options.json) return printJson(context.io, found);
        const lists = found.watchlists.map((list) => list.name).join(', ') || 'no list';
        const until = found.keep_until ? `, to be deleted ${found.keep_until.toISOString()}` : '';
        print(context.io, `${found.name}  ${found.id}  ${lists}\nlegal basis ${found.legal_basis}${until}`);
        const rows = found.photos.map((photo) => ({
          photo: photo.id,
          state: photo.best ? `${photo.state}, best` : photo.state,
          code: photo.code,
          height: photo.quality?.height_px,
          sharpness: photo.quality?.sharpness,
          yaw: photo.quality?.yaw,
          norm: photo.quality?.norm,
        }));
        if (rows.length > 0) print(context.io, table(rows, widthOf(context.io)));
        await printDuplicates(context.io, db, found.id);
        for (const one of found.merged)
          print(
            context.io,
            `  made of ${[one.name, one.id, one.external_ref].filter(Boolean).join('  ')} too`,
          );
      }),
    );

interface SetOptions {
  readonly name?: string;
  readonly ref?: string;
  readonly metadata?: Record<string, unknown>;
  readonly legalBasis?: string;
  readonly keepUntil?: string;
}

const personSet: AddCommand = (person, session) =>
  person
    .command('set')
    .description('Change the name, key, metadata, legal basis or time to be deleted of a person')
    .argument('<person>', personArgument, tokenOption)
    .option('--name <name>', 'another name', named)
    .option('--ref <key>', 'their key in another system', tokenOption)
    .option('--metadata <json>', 'a JSON object that replaces what is there', metadataOption)
    .option('--legal-basis <word>', `what allows it: ${legalBasisNames.join(', ')}`, basisOption)
    .option('--keep-until <time>', 'delete them then, like 2027-11-23T00:00:00Z; or never', momentOrNever)
    .action(
      session.action(async (context, wanted: string, options: SetOptions) => {
        const { db } = await connect(context);
        const { id } = await findPersonItself(db, wanted);
        const changed = await setPerson(db, id, {
          name: options.name,
          external_ref: options.ref,
          metadata: options.metadata,
          legal_basis: options.legalBasis,
          keep_until: options.keepUntil === 'never' ? null : options.keepUntil,
        });
        print(context.io, `${changed.name}  ${changed.id}`, changed);
      }),
    );

const personRemove: AddCommand = (person, session) =>
  person
    .command('remove')
    .description('Forget a person, with the photos that were to enrol them and every sighting')
    .argument('<person>', personArgument, tokenOption)
    .option('--dry-run', 'print what would be deleted, and delete nothing')
    .action(
      session.action(async (context, wanted: string, { dryRun }: { dryRun?: boolean }) => {
        const { io } = context;
        const { db } = await connect(context);
        const { id, name } = await findPersonItself(db, wanted);
        const history = await countHistory(db, { person: id });
        if (dryRun)
          return print(io, `${name} would be forgotten, with ${listed(history)}\n${recordStays}`, {
            person: name,
            dry_run: true,
            history,
          });
        const { entries, alerts, photos } = history;
        const progress = deletionProgress(
          io,
          'entries, alerts and photos deleted',
          entries + alerts + photos,
        );
        await removePerson(transactions(db), id, progress.step);
        progress.end();
        print(io, `${name} is forgotten`, { person: name, history });
      }),
    );
