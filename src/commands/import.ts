import { InvalidArgumentError } from 'commander';
import type { ImportOptions } from '../transfer/import.ts';
import { importSource } from '../transfer/import-source.ts';
import type { Report } from '../transfer/report.ts';
import { readSource } from '../transfer/source.ts';
import { findWatchlist } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { print, printJson } from './program/io.ts';
import { severalSearched } from './program/options.ts';
import { Progress } from './program/progress.ts';
import type { AddCommand, Context } from './program/session.ts';
import { warnWithoutWorker } from './submit-ways.ts';

interface Options {
  readonly watchlist: string[];
  readonly addWatchlists?: boolean;
  readonly encoding?: string;
  readonly allowRefused?: boolean;
  readonly json?: boolean;
}

const encoding = (label: string): string => {
  try {
    return new TextDecoder(label).encoding;
  } catch {
    throw new InvalidArgumentError('Give the name of an encoding, like windows-1252.');
  }
};

/** import: people and their photos, many at once. */
export const importCommand: AddCommand = (program, session) =>
  program
    .command('import')
    .description('Enrol people from a folder (one subfolder a person), a CSV file or an export')
    .argument('<path>', 'a folder, or a file like people.csv')
    .option('--watchlist <name>', 'put everybody on this list, too; may be repeated', severalSearched, [])
    .option('--add-watchlists', 'add lists that do not exist')
    .option(
      '--encoding <name>',
      'of people.csv, like windows-1252 (default: UTF-8, and UTF-16 is recognised)',
      encoding,
    )
    .option('--allow-refused', 'exit with 0 also if something was refused, or somebody has no usable photo')
    .option('--json', 'print the report as one JSON object')
    .addHelpText(
      'after',
      `
  It may be run again, also after it was interrupted: people and photos that were imported before are not added twice.
  Somebody none of whose photos can be used is not added. Photos are recognised by their content, whatever their names.

  A subfolder holds photos, and person.json if there is more to say:
    {"external_ref": "hr-17", "metadata": {}, "legal_basis": "consent", "watchlists": ["staff"], "faces": {"2.jpg": 3}, "accept": {"2.jpg": ["face_unlike"]}}
  The columns of people.csv, all but the first of which may be left out; semicolons or tabs may take the place of commas:
    name,external_ref,photos,watchlists,metadata,faces,accept,legal_basis,keep_until
    Ada,hr-17,ada/1.jpg;ada/2.jpg,staff,"{""floor"": 2}",;3,;face_unlike,consent,2027-11-23T00:00:00Z`,
    )
    .action(session.action(importPeople));

/** Returns whether nothing was refused and everybody has a photo that can be used, or that is allowed. */
const importPeople = async (context: Context, path: string, options: Options): Promise<boolean> => {
  const { io, config } = context;
  const database = await connect(context);
  const source = await readSource(path, options);
  const how: ImportOptions = {
    watchlists: options.watchlist,
    addWatchlists: options.addWatchlists ?? false,
    maxPixels: config.maxPixels,
  };
  if (!how.addWatchlists) for (const list of how.watchlists) await findWatchlist(database.db, list);

  const people = new Progress(io.stderr, 'people', source.people.length);
  let photos: Progress | undefined;
  const report = await importSource(database, path, source, how, {
    onPerson: () => people.step(),
    onWait: async (count) => {
      people.end();
      await warnWithoutWorker(io, database);
      photos = new Progress(io.stderr, 'photos', count);
    },
    onPhoto: () => photos?.step(),
  });
  photos?.end();
  if (options.json) printJson(io, report);
  else print(io, summaryOf(report));
  return (
    (report.refused.length === 0 && report.without_photo.length === 0) || (options.allowRefused ?? false)
  );
};

const summaryOf = (report: Report): string => {
  const { people, photos, cameras, watchlists, without_photo, refused, ignored } = report;
  return [
    `people   ${people.added} added, ${people.known} known before, ${people.refused} not added`,
    `photos   ${photos.enrolled} enrolled, ${photos.known} known before, ${photos.refused} refused`,
    ...(cameras.added > 0 ? [`cameras  ${cameras.added} added`] : []),
    ...(watchlists.added > 0 ? [`lists    ${watchlists.added} added`] : []),
    ...(ignored.length === 0 ? [] : [`ignored  ${firstOf(ignored)}`]),
    ...refused.map(({ file, code, message }) => `refused  ${file}  ${code}: ${message}`),
    ...without_photo.map(({ person, at, id }) =>
      id === null
        ? `not added  ${person}, ${at}: no photo can be used`
        : `no photo  ${person}, ${at}: enrol one with "person photo add ${id} FILE"`,
    ),
  ].join('\n');
};

/** The first of many; --json has them all. */
const firstOf = (files: readonly string[], most = 20): string =>
  `${files.slice(0, most).join(', ')}${files.length > most ? ` and ${files.length - most} more` : ''}`;
