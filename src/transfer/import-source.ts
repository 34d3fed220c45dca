import type { Database } from '../database/pool.ts';
import { endedEnrolments } from '../intake/index.ts';
import { takeBackPerson } from '../watchlist/registry.ts';
import { type Imported, type ImportOptions, importPerson } from './import.ts';
import { ManifestImport } from './import-manifest.ts';
import type { PersonSource, Source } from './people.ts';
import { type Report, reportOf } from './report.ts';

/** Told how far an import is. */
interface Listener {
  onPerson(): void;
  /** Before the photos are waited for. */
  onWait(photos: number): Promise<void>;
  onPhoto(): void;
}

/** A person of the source with what became of them. */
interface Result {
  readonly source: PersonSource;
  readonly imported: Imported;
  /** How many of their photos are enrolled. */
  enrolled: number;
}

/**
 * Writes everything that a source holds, and waits until the workers have processed the photos. A person none of whose
 * photos can be used is taken back: the source can be mended and imported again.
 *
 * @param path of the source, for messages.
 */
export const importSource = async (
  database: Database,
  path: string,
  source: Source,
  options: ImportOptions,
  listener: Listener,
): Promise<Report> => {
  const report = reportOf(source);
  const manifest = new ManifestImport(database.db, path, source.manifest, report);
  await manifest.addRegisters();
  const results = await addPeople(database, source, options, { manifest, report, listener });
  await awaitPhotos(database, results, report, listener);
  const ids = await countPeople(database, results, report);
  await manifest.fillEndedLists(source.people, ids);
  await manifest.linkFaces(ids);
  return report;
};

const addPeople = async (
  database: Database,
  source: Source,
  options: ImportOptions,
  { manifest, report, listener }: { manifest: ManifestImport; report: Report; listener: Listener },
): Promise<Result[]> => {
  const { endedLists } = manifest;
  const results: Result[] = [];
  const taken = new Set<string>();
  const ids = new Map<string, string>();
  for (const person of source.people) {
    const { key } = person;
    const imported = await importPerson(database.db, person, options, {
      taken,
      endedLists,
      onPerson: async (trx, id) => {
        if (key !== undefined) await manifest.linkPerson(trx, key, id, ids);
      },
    });
    report.refused.push(...imported.refused);
    report.photos.refused += imported.refused.filter(({ file }) => file !== person.at).length;
    if (imported.id !== null) {
      taken.add(imported.id);
      if (key !== undefined) ids.set(key, imported.id);
    }
    results.push({ source: person, imported, enrolled: 0 });
    listener.onPerson();
  }
  return results;
};

const awaitPhotos = async (
  database: Database,
  results: readonly Result[],
  report: Report,
  listener: Listener,
): Promise<void> => {
  const waiting = new Map(
    results.flatMap((result) => result.imported.photos.map((photo) => [photo.id, { photo, result }])),
  );
  if (waiting.size > 0) await listener.onWait(waiting.size);
  for await (const ended of endedEnrolments(database, [...waiting.keys()])) {
    const { photo, result } = waiting.get(ended.id) as NonNullable<ReturnType<typeof waiting.get>>;
    if (ended.state === 'enrolled') {
      report.photos[photo.known ? 'known' : 'enrolled'] += 1;
      result.enrolled += 1;
    } else {
      const { code, message } = ended;
      report.photos.refused += 1;
      report.refused.push({ file: photo.file, person: result.source.name, code, message });
    }
    listener.onPhoto();
  }
};

/**
 * Counts the people. Those who are new and have no photo that can be used are taken back, if they were to have one.
 *
 * @returns the ids of those who are there, by their folders.
 */
const countPeople = async (
  database: Database,
  results: readonly Result[],
  report: Report,
): Promise<Map<string, string>> => {
  const gone = await takenBack(database, results);
  const ids = new Map<string, string>();
  for (const { source, imported, enrolled } of results) {
    const id = imported.id === null || gone.has(imported.id) ? null : imported.id;
    report.people[id === null ? 'refused' : imported.known ? 'known' : 'added'] += 1;
    if (id !== null && source.key !== undefined) ids.set(source.key, id);
    if (id === null || (enrolled === 0 && !(await isEnrolled(database, id))))
      report.without_photo.push({ person: source.name, at: source.at, id });
  }
  return ids;
};

/** Ids of people who are not there any more. Of several entries of the source that are one person, all count. */
const takenBack = async ({ db }: Database, results: readonly Result[]): Promise<ReadonlySet<string>> => {
  const gone = new Set<string>();
  for (const [id, entries] of Map.groupBy(results, ({ imported }) => imported.id)) {
    const photos = entries.flatMap(({ imported }) => imported.photos.map((photo) => photo.id));
    const isNew = entries.some(({ imported }) => !imported.known);
    const isKept = !isNew || photos.length === 0 || entries.some(({ enrolled }) => enrolled > 0);
    if (id !== null && !isKept && (await takeBackPerson(db, id, photos))) gone.add(id);
  }
  return gone;
};

const isEnrolled = async ({ pool }: Database, personId: string): Promise<boolean> => {
  const { rows } = await pool.query(
    'select from watchpost.reference as r where r.person_id = $1 and r.superseded_at is null limit 1',
    [personId],
  );
  return rows.length > 0;
};
