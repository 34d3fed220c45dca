import type { Database } from '../database/pool.ts';
import { exportPeople } from '../transfer/export.ts';
import { type Imported, importPerson } from '../transfer/import.ts';
import { type Refusal, readSource } from '../transfer/source.ts';
import { findWatchlist } from '../watchlist/registry.ts';
import { Progress } from './progress.ts';
import { warnWithoutWorker } from './submit.ts';

/** What `watchpost import` was told. */
export interface ImportCommand {
  readonly watchlist: string[];
  readonly addWatchlists?: boolean;
  readonly allowRefused?: boolean;
  readonly json?: boolean;
}

/** What an import came to. */
interface Report {
  /** People who are new, and who were there before. */
  readonly people: { added: number; known: number };
  /** Photos that are enrolled by this run, were enrolled before, and were refused. */
  readonly photos: { enrolled: number; known: number; refused: number };
  readonly refused: Refusal[];
  readonly ignored: readonly string[];
}

/**
 * `watchpost import`: people and their photos from a folder or a CSV file, with a report of what was refused and why.
 * The models run in the workers; this hands in rows and waits.
 *
 * @returns whether nothing was refused, or it was allowed.
 */
export const importCommand = async (
  database: Database,
  path: string,
  options: ImportCommand & { readonly maxPixels: number },
): Promise<boolean> => {
  const source = await readSource(path);
  if (!options.addWatchlists) for (const list of options.watchlist) await findWatchlist(database.db, list);

  const progress = new Progress(process.stderr, 'people', source.people.length);
  const report: Report = {
    people: { added: 0, known: 0 },
    photos: { enrolled: 0, known: 0, refused: 0 },
    refused: [...source.refused],
    ignored: source.ignored,
  };
  const waiting = new Map<string, { person: string; file: string; known: boolean }>();
  for (const person of source.people) {
    const done = await importPerson(database.db, person, {
      watchlists: options.watchlist,
      addWatchlists: options.addWatchlists ?? false,
      maxPixels: options.maxPixels,
    });
    report.refused.push(...done.refused);
    count(report, done);
    for (const { id, file, known } of done.photos) waiting.set(id, { person: person.name, file, known });
    progress.step();
  }
  progress.end();

  if (waiting.size > 0) await warnWithoutWorker(database);
  const photos = new Progress(process.stderr, 'photos', waiting.size);
  for await (const ended of endings(database, [...waiting.keys()])) {
    const { person, file, known } = waiting.get(ended.id) as { person: string; file: string; known: boolean };
    if (ended.state === 'enrolled') report.photos[known ? 'known' : 'enrolled'] += 1;
    else {
      report.photos.refused += 1;
      report.refused.push({ file, person, code: ended.code, message: ended.message });
    }
    photos.step();
  }
  photos.end();
  tell(report, options.json ?? false);
  return report.refused.length === 0 || (options.allowRefused ?? false);
};

const count = (report: Report, done: Imported): void => {
  if (done.known) report.people.known += 1;
  else if (done.photos.length > 0 || done.refused.length === 0) report.people.added += 1;
};

interface Ending {
  readonly id: string;
  readonly state: string;
  readonly code: Refusal['code'];
  readonly message: string;
}

/** Each photo once it is enrolled, refused or removed, in no particular order. */
async function* endings(database: Database, ids: readonly string[]): AsyncGenerator<Ending> {
  const open = new Set(ids);
  for (let pause = 20; open.size > 0; pause = Math.min(pause * 1.5, 500)) {
    // A photo is worked on in 100 ms: there is no need to ask for all of a large import each time.
    const asked = [...open].slice(0, 200);
    const { rows } = await database.pool.query<Ending>(
      `select s.person_photo_id as id, s.state, coalesce(s.code, 'photo_removed') as code,
              coalesce(s.message, 'This photo was taken back.') as message
       from watchpost.photo_status as s
       where s.person_photo_id = any ($1) and s.state in ('enrolled', 'refused', 'removed')`,
      [asked],
    );
    for (const row of rows) {
      open.delete(row.id);
      yield row;
    }
    if (rows.length > 0) pause = 20;
    else await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

const tell = (report: Report, json: boolean): void => {
  if (json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const { people, photos, refused, ignored } = report;
  process.stdout.write(
    [
      `people   ${people.added} added, ${people.known} known before`,
      `photos   ${photos.enrolled} enrolled, ${photos.known} known before, ${photos.refused} refused by the gate`,
      ...(ignored.length === 0 ? [] : [`ignored  ${ignored.join(', ')}`]),
      ...refused.map(({ file, code, message }) => `refused  ${file}  ${code}: ${message}`),
      '',
    ].join('\n'),
  );
};

/** `watchpost export`: everybody, with their photos, in the form that `import` reads. */
export const exportCommand = async (database: Database, folder: string, json: boolean): Promise<boolean> => {
  const { rows } = await database.pool.query<{ n: number }>(
    'select count(*)::integer as n from watchpost.person',
  );
  const progress = new Progress(process.stderr, 'people', rows[0]?.n ?? 0);
  const done = await exportPeople(database.db, folder, () => progress.step());
  progress.end();
  process.stdout.write(
    json
      ? `${JSON.stringify(done)}\n`
      : `${folder}  ${done.people} people, ${done.photos} photos, ${done.crops} faces of photos that were dropped\n`,
  );
  return true;
};
