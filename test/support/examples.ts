import { readFileSync } from 'node:fs';
import type { TestDatabase } from './database.ts';
import { enrolAda, realVision, runWorker, untilIdle } from './pipeline.ts';

/** Where the examples are. */
export const examplesFolder = new URL('../../sql/examples/', import.meta.url);

/** Runs one example and gives its rows; `edit` replaces the placeholders of the file. */
// biome-ignore lint/suspicious/noExplicitAny: each test knows what its example answers.
export type RunExample = (name: string, edit?: (text: string) => string) => Promise<any[]>;

/**
 * How to run examples in a database; each gives the rows of its last statement that has some. Call it `run`: by
 * `run('NAME.sql'` test/sql/examples/complete.test.ts knows which examples are tested.
 */
export const examplesIn =
  (database: TestDatabase): RunExample =>
  async (name, edit = (text) => text) => {
    const result = await database.pool.query(edit(readFileSync(new URL(name, examplesFolder), 'utf8')));
    const results = Array.isArray(result) ? result : [result];
    return results.map((one) => one.rows).findLast((rows) => rows.length > 0) ?? [];
  };

/** Puts a photo in place of an example's grey pixels. */
export const withPhoto = (photo: Buffer) => (text: string) =>
  text.replaceAll(/decode\('[^']+', 'base64'\)/g, `decode('${photo.toString('base64')}', 'base64')`);

/** What the examples ask about: a worker, the camera north-gate, and Ada on the list 'missing'; nothing is left to do. */
export const openNorthGate = async (database: TestDatabase): Promise<void> => {
  await runWorker(database, await realVision());
  await database.rows(
    `insert into watchpost.camera (name, location, zone) values ('north-gate', 'North gate', 'outside')`,
  );
  const { watchlistId } = await enrolAda(database);
  await database.rows(`update watchpost.watchlist set name = 'missing' where id = $1`, [watchlistId]);
  await untilIdle(database);
};
