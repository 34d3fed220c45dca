import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { parse } from 'csv-parse/sync';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { listOf, metadata, name, token } from '../fields.ts';
import { codes, type PersonSource, position, type Refusal, refusalOf, type Source } from './people.ts';

/** Of this shape, so that an error names the column. */
const metadataCell = z.object({ metadata });
const rowOfPerson = z.object({
  name: z.string().min(1, 'a person needs a name').pipe(name),
  external_ref: z.union([z.literal(''), token]).optional(),
  photos: z.string().optional(),
  watchlists: z.string().optional(),
  metadata: z.string().optional(),
  faces: z.string().optional(),
  accept: z.string().optional(),
});

/** Reads people.csv. An invalid row does not affect the others. */
export const readCsv = async (file: string): Promise<Source> => {
  const rows: Record<string, string>[] = parse(await readFile(file, 'utf8'), {
    columns: true,
    bom: true,
    trim: true,
    skip_empty_lines: true,
    info: false,
  });
  const [first] = rows;
  if (first && first.name === undefined) {
    throw new WatchpostError('import_invalid', `${file} has no column name.`, {
      hint: 'Columns: name, external_ref, photos, watchlists, metadata, faces, accept.',
    });
  }
  const people: PersonSource[] = [];
  const refused: Refusal[] = [];
  rows.forEach((cells, index) => {
    const at = `${file}, person ${index + 1}`;
    try {
      people.push(personOf(cells, at, dirname(file)));
    } catch (error) {
      refused.push(refusalOf(at, cells.name || null, error));
    }
  });
  return { people, refused, ignored: [] };
};

const partsOf = (cell: string | undefined): string[] =>
  (cell ?? '').split(';').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]));

const personOf = (cells: Record<string, string>, at: string, folder: string): PersonSource => {
  const columns = rowOfPerson.parse(cells);
  const files = partsOf(columns.photos);
  // Empty parts count: each stands for the photo at its place.
  const faces = (columns.faces ?? '').split(';');
  const accept = (columns.accept ?? '').split(';');
  return {
    at,
    name: columns.name,
    external_ref: columns.external_ref || undefined,
    metadata: columns.metadata ? metadataCell.parse({ metadata: JSON.parse(columns.metadata) }).metadata : {},
    watchlists: columns.watchlists?.startsWith('[')
      ? listOf(name).parse(JSON.parse(columns.watchlists))
      : partsOf(columns.watchlists),
    photos: files.map((file, index) => ({
      file: join(folder, file),
      face: faces[index]?.trim() ? position.parse(Number(faces[index])) : undefined,
      accept: codes.parse((accept[index] ?? '').split(' ').filter(Boolean)),
    })),
  };
};

/** A photo's path as it is written in people.csv. */
export const pathInCsv = (folder: string, file: string): string =>
  relative(folder, file).replaceAll('\\', '/');
