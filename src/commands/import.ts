import type { Database } from '../database/pool.ts';
import { endedEnrolments } from '../intake/index.ts';
import { type Imported, importPerson } from '../transfer/import.ts';
import type { Refusal, Source } from '../transfer/people.ts';
import { readSource } from '../transfer/source.ts';
import { findWatchlist } from '../watchlist/registry.ts';
import { connect } from './program/connect.ts';
import { type Io, print, printJson } from './program/io.ts';
import { several } from './program/options.ts';
import { Progress } from './program/progress.ts';
import type { AddCommand, Context } from './program/session.ts';
import { warnWithoutWorker } from './submit.ts';

interface ImportOptions {
  readonly watchlist: string[];
  readonly addWatchlists?: boolean;
  readonly allowRefused?: boolean;
  readonly json?: boolean;
}

/** import: people and their photos, many at once. */
export const importCommand: AddCommand = (program, session) =>
  program
    .command('import')
    .description('Enrol people from a folder (one subfolder a person) or a CSV file')
    .argument('<path>', 'a folder, or a file like people.csv')
    .option('--watchlist <name>', 'put everybody on this list, too; may be repeated', several, [])
    .option('--add-watchlists', 'add lists that do not exist')
    .option('--allow-refused', 'exit with 0 also if something was refused')
    .option('--json', 'print the report as one JSON object')
    .addHelpText(
      'after',
      `
  It may be run again, also after it was interrupted: people and photos that were imported before are not added twice.

  A subfolder holds photos, and person.json if there is more to say:
    {"external_ref": "hr-17", "metadata": {}, "watchlists": ["staff"], "faces": {"2.jpg": 3}, "accept": {"2.jpg": ["face_unlike"]}}
  The columns of people.csv, all but the first of which may be left out:
    name,external_ref,photos,watchlists,metadata,faces,accept
    Ada,hr-17,ada/1.jpg;ada/2.jpg,staff,"{""floor"": 2}",;3,;face_unlike`,
    )
    .action(session.action(importPeople));

/** What an import has done. */
interface Report {
  /** People who are new, and who were there before. */
  readonly people: { added: number; known: number };
  /** Photos that this run has enrolled, that were enrolled before, and that were refused. */
  readonly photos: { enrolled: number; known: number; refused: number };
  readonly refused: Refusal[];
  readonly ignored: readonly string[];
}

interface WaitingPhoto {
  readonly person: string;
  readonly file: string;
  readonly known: boolean;
}

/**
 * Writes the rows, waits until the workers have processed the photos, and reports what was refused and why.
 *
 * @returns whether nothing was refused, or that is allowed.
 */
const importPeople = async (context: Context, path: string, options: ImportOptions): Promise<boolean> => {
  const { io } = context;
  const database = await connect(context);
  const source = await readSource(path);
  if (!options.addWatchlists) for (const list of options.watchlist) await findWatchlist(database.db, list);

  const report: Report = {
    people: { added: 0, known: 0 },
    photos: { enrolled: 0, known: 0, refused: 0 },
    refused: [...source.refused],
    ignored: source.ignored,
  };
  const waiting = await addEverybody(context, database, source, options, report);
  if (waiting.size > 0) await warnWithoutWorker(io, database);
  await awaitEnrolment(io, database, waiting, report);
  if (options.json) printJson(io, report);
  else print(io, summaryOf(report));
  return report.refused.length === 0 || (options.allowRefused ?? false);
};

/** Returns the photos to wait for, by id. */
const addEverybody = async (
  { io, config }: Context,
  database: Database,
  source: Source,
  options: ImportOptions,
  report: Report,
): Promise<Map<string, WaitingPhoto>> => {
  const waiting = new Map<string, WaitingPhoto>();
  const progress = new Progress(io.stderr, 'people', source.people.length);
  for (const person of source.people) {
    const done = await importPerson(database.db, person, {
      watchlists: options.watchlist,
      addWatchlists: options.addWatchlists ?? false,
      maxPixels: config.maxPixels,
    });
    report.refused.push(...done.refused);
    countPerson(report, done);
    for (const { id, file, known } of done.photos) waiting.set(id, { person: person.name, file, known });
    progress.step();
  }
  progress.end();
  return waiting;
};

const countPerson = (report: Report, done: Imported): void => {
  if (done.known) report.people.known += 1;
  else if (done.photos.length > 0 || done.refused.length === 0) report.people.added += 1;
};

const awaitEnrolment = async (
  io: Io,
  database: Database,
  waiting: ReadonlyMap<string, WaitingPhoto>,
  report: Report,
): Promise<void> => {
  const progress = new Progress(io.stderr, 'photos', waiting.size);
  for await (const ended of endedEnrolments(database, [...waiting.keys()])) {
    const { person, file, known } = waiting.get(ended.id) as WaitingPhoto;
    if (ended.state === 'enrolled') report.photos[known ? 'known' : 'enrolled'] += 1;
    else {
      report.photos.refused += 1;
      report.refused.push({ file, person, code: ended.code, message: ended.message });
    }
    progress.step();
  }
  progress.end();
};

const summaryOf = ({ people, photos, refused, ignored }: Report): string =>
  [
    `people   ${people.added} added, ${people.known} known before`,
    `photos   ${photos.enrolled} enrolled, ${photos.known} known before, ${photos.refused} refused by the gate`,
    ...(ignored.length === 0 ? [] : [`ignored  ${ignored.join(', ')}`]),
    ...refused.map(({ file, code, message }) => `refused  ${file}  ${code}: ${message}`),
  ].join('\n');
