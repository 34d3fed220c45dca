import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { legalBasis, listOf, metadata, name, storedTime, token } from '../fields.ts';
import { assertKnown, readText } from '../text-file.ts';
import { codes, entry, type PersonSource, position, type Refusal, refusalOf, type Source } from './people.ts';

/** Of this shape, so that an error names the column. */
const metadataCell = z.object({ metadata });
const rowOfPerson = z.object({
  name: z.string().min(1, 'a person needs a name').pipe(name),
  external_ref: z.union([z.literal(''), token]),
  photos: z.string(),
  watchlists: z.string(),
  metadata: z.string(),
  faces: z.string(),
  accept: z.string(),
  legal_basis: z.union([z.literal(''), legalBasis]),
  keep_until: z.union([z.literal(''), storedTime]),
});
const columns = Object.keys(rowOfPerson.shape);

/**
 * Reads people.csv. An invalid row does not affect the others.
 *
 * @throws {WatchpostError} import_invalid for a file whose encoding, columns or quotes are wrong.
 */
export const readCsv = async (file: string, encoding?: string): Promise<Source> => {
  const [header = [], ...rows] = parseCells(await readText(file, encoding));
  const names = header.map((cell) => cell.toLowerCase());
  while (names.at(-1) === '') names.pop();
  assertColumns(file, names);
  const people: PersonSource[] = [];
  const refused: Refusal[] = [];
  for (const [index, cells] of rows.entries()) {
    const at = `${file}, person ${index + 1}`;
    try {
      people.push(await personOf(cells, names, at, dirname(file)));
    } catch (error) {
      refused.push(refusalOf(at, cells[names.indexOf('name')] || null, error));
    }
  }
  return { people, refused, ignored: [] };
};

const parseCells = (text: string): string[][] => {
  // A first line that names the separator to Excel.
  const [declaration = '', declared] = /^sep=(.)\r?\n/i.exec(text) ?? [];
  return parse(text.slice(declaration.length), {
    delimiter: declared ?? separatorOf(text),
    trim: true,
    skip_empty_lines: true,
    skip_records_with_empty_values: true,
    relax_column_count: true,
    info: false,
  });
};

/** What separates the names of the columns: commas, semicolons where Excel writes decimals with commas, or tabs. */
const separatorOf = (text: string): string => {
  const header = text.trimStart().split('\n', 1)[0] ?? '';
  const counts = [',', ';', '\t'].map((separator) => ({ separator, count: header.split(separator).length }));
  return counts.reduce((most, one) => (one.count > most.count ? one : most)).separator;
};

const assertColumns = (file: string, names: readonly string[]): void => {
  assertKnown(file, 'column', names, columns);
  const twice = names.find((column, index) => names.indexOf(column) !== index);
  if (twice) throw new WatchpostError('import_invalid', `${file} has the column ${twice} twice.`);
  if (!names.includes('name')) {
    throw new WatchpostError('import_invalid', `${file} has no column name.`, {
      hint: `The first line has the names of the columns: ${columns.join(', ')}.`,
    });
  }
};

/** The parts of a cell that holds a list: separated by semicolons, or a JSON array. */
const partsOf = (cell: string): string[] => {
  if (cell.startsWith('[') && cell.endsWith(']')) {
    const list = z.array(z.string()).safeParse(parsedOr(cell, undefined));
    if (list.success) return list.data;
  }
  return cell.split(';').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));
};

const parsedOr = (json: string, otherwise: unknown): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    return otherwise;
  }
};

const personOf = async (
  cells: readonly string[],
  names: readonly string[],
  at: string,
  folder: string,
): Promise<PersonSource> => {
  if (cells.slice(names.length).some((cell) => cell !== '')) {
    throw new WatchpostError(
      'import_invalid',
      `The row has ${cells.length} cells, and there are ${names.length} columns: put a cell with a separator in it in double quotes.`,
    );
  }
  const row = rowOfPerson.parse(
    Object.fromEntries(columns.map((column) => [column, cells[names.indexOf(column)] ?? ''])),
  );
  const files = partsOf(row.photos);
  // Empty parts count: each stands for the photo at its place.
  const faces = row.faces.split(';');
  const accept = row.accept.split(';');
  const photos = [];
  for (const [index, file] of files.entries()) {
    photos.push({
      file: await asStored(folder, file),
      face: faces[index]?.trim() ? position.parse(Number(faces[index])) : undefined,
      accept: codes.parse((accept[index] ?? '').split(' ').filter(Boolean)),
    });
  }
  return {
    at,
    name: row.name,
    external_ref: row.external_ref || undefined,
    metadata: row.metadata ? metadataCell.parse({ metadata: JSON.parse(row.metadata) }).metadata : {},
    legal_basis: row.legal_basis || undefined,
    keep_until: row.keep_until || undefined,
    watchlists: listOf(entry).parse(partsOf(row.watchlists)),
    photos,
  };
};

/** The path of a file whose name may be stored in another normalization form than it is written in, as by a Mac. */
const asStored = async (folder: string, path: string): Promise<string> => {
  let found = folder;
  for (const part of path.split('/')) {
    const next = join(found, part);
    const exists = await stat(next).then(
      () => true,
      () => false,
    );
    const names = exists ? [] : await readdir(found).catch(() => []);
    const stored = names.find((one) => one.normalize('NFC') === part.normalize('NFC'));
    found = stored === undefined ? next : join(found, stored);
  }
  return found;
};
