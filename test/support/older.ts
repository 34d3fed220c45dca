import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { freshDatabase, type TestDatabase } from './database.ts';

const folder = new URL('../../migrations/', import.meta.url);

/**
 * A database as the numbered migrations before one left it, with nothing of sql/: for tests of what that one makes of
 * the rows that it finds.
 *
 * @param migration the four digits of the first that it lacks.
 */
export const databaseBefore = async (migration: string): Promise<TestDatabase> => {
  const database = await freshDatabase({ empty: true });
  await database.rows(
    `create schema watchpost;
     create table watchpost.migration (name text primary key, sha256 text not null, applied_at timestamptz not null default now())`,
  );
  for (const file of (await readdir(folder)).filter((name) => name < migration).sort()) {
    const text = await readFile(new URL(file, folder), 'utf8');
    await database.rows(text);
    await database.rows('insert into watchpost.migration (name, sha256) values ($1, $2)', [
      `migrations/${file}`,
      createHash('sha256').update(text).digest('hex'),
    ]);
  }
  return database;
};
