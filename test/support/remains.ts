import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { copyBytes } from '../../src/database/copy-out.ts';
import type { TestDatabase } from './database.ts';
import { plainEnvironment } from './node-process.ts';

/** What is searched for in all that is stored: texts, and bytes of which a part is enough. */
export interface Needles {
  readonly texts: Readonly<Record<string, string>>;
  readonly bytes: Readonly<Record<string, Buffer>>;
}

/** Which of them are in some bytes: as they are, or as hex or base64. */
const foundIn = (stored: Buffer, { texts, bytes }: Needles): string[] => [
  ...Object.entries(texts)
    .filter(([, text]) => stored.includes(text))
    .map(([name]) => name),
  ...Object.entries(bytes)
    .filter(([, part]) =>
      [part, part.toString('hex'), part.subarray(0, -(part.length % 3) || undefined).toString('base64')].some(
        (form) => stored.includes(form),
      ),
    )
    .map(([name]) => name),
];

/** Where each of the needles was found, by its name. */
type Found = Record<string, string[]>;

const add = (found: Found, names: readonly string[], where: string): void => {
  for (const name of names) found[name] = [...(found[name] ?? []), where];
};

/** Searches every row of every table, of the statistics too: as text, and where it can be read so, as COPY sends it. */
export const searchTables = async (database: TestDatabase, needles: Needles): Promise<Found> => {
  const found: Found = {};
  const tables = await database.rows<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where c.relkind in ('r', 'm') and n.nspname not in ('information_schema')
       and (n.nspname <> 'pg_catalog' or c.relname in ('pg_statistic', 'pg_description', 'pg_largeobject'))
       and n.nspname !~ '^pg_(toast|temp)'
     order by 1`,
  );
  const client = await database.pool.connect();
  try {
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} as t`);
      const binary =
        database.kind === 'server' && !name.startsWith('pg_catalog')
          ? await copyBytes(client, `select * from only ${name}`)
          : Buffer.alloc(0);
      add(
        found,
        foundIn(Buffer.concat([Buffer.from(rows.map(({ row }) => row).join('\n')), binary]), needles),
        name,
      );
    }
  } finally {
    client.release();
  }
  return found;
};

/** Searches the files of the server's disk, of tables, TOAST tables and indexes, also of the catalogue. */
export const searchFiles = async (
  database: TestDatabase,
  needles: Needles,
  kinds = 'rtmi',
): Promise<Found> => {
  const found: Found = {};
  await database.rows('checkpoint');
  const { rows } = await database.pool.query<{ name: string; kind: string; bytes: Buffer }>(
    `select c.oid::regclass::text as name, c.relkind as kind, pg_read_binary_file(pg_relation_filepath(c.oid)) as bytes
     from pg_class as c
     where pg_relation_filepath(c.oid) is not null and pg_relation_size(c.oid) > 0
       and not exists (select from pg_database as d where pg_relation_filepath(c.oid) like 'global/%' limit 1)
       and strpos($1, c.relkind::text) > 0`,
    [kinds],
  );
  for (const { name, bytes } of rows) add(found, foundIn(bytes, needles), name);
  return found;
};

/** Searches what pg_dump writes. */
export const searchDump = (programs: string, database: TestDatabase, needles: Needles): Found => {
  const { stdout, stderr, status } = spawnSync(join(programs, 'pg_dump'), [database.url], {
    env: plainEnvironment(),
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(stderr.toString());
  const found: Found = {};
  add(found, foundIn(stdout, needles), 'dump');
  return found;
};

/** Searches the files of a folder, by their contents and names. */
export const searchFolder = async (folder: string, needles: Needles): Promise<Found> => {
  const found: Found = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const content = entry.isFile() ? await readFile(path) : Buffer.alloc(0);
    add(found, foundIn(Buffer.concat([Buffer.from(`${path}\n`), content]), needles), path);
  }
  return found;
};

/** What Postgres stores out of line is in pieces of so many bytes (TOAST_MAX_CHUNK_SIZE). */
const pieceBytes = 1996;

/** Bytes from the middle of a stored value, within one piece of it. */
export const partOf = (stored: Buffer): Buffer => {
  const at = pieceBytes * Math.floor(stored.length / pieceBytes / 2) + 200;
  return stored.subarray(at, at + 42);
};

/** A vector as it lies on disk, in part: half precision, the least significant byte first. */
export const partOfVector = (sent: Buffer): Buffer => Buffer.from(sent.subarray(40, 82)).swap16();
