import { hostname } from 'node:os';
import type { Database } from '../database/pool.ts';
import { version } from '../version.ts';
import type { Vision } from '../vision/index.ts';

/**
 * Makes the models of this process known to the database, so that rows can name them, and lists its thresholds.
 *
 * @throws {WatchpostError} model_conflict (by SQLSTATE) if one is registered with other weights.
 */
export const registerModels = async (database: Database, vision: Vision): Promise<void> => {
  for (const model of vision.models) {
    await database.pool.query('select watchpost.register_model($1, $2, $3, $4, $5, $6)', [
      model.id,
      model.role,
      model.sha256,
      model.dimension,
      model.licence,
      model.role === 'embedder' ? JSON.stringify(vision.embedder.thresholds) : null,
    ]);
  }
};

/**
 * Writes this process's row in `worker`, and its models' rows.
 *
 * @param process_.concurrency batches at a time; 0: it only serves the API.
 * @param process_.id that of a row that it had, if this database does not have it any more.
 * @returns the row's id.
 */
export const registerProcess = async (
  database: Database,
  vision: Vision,
  process_: { id?: string; concurrency: number; tasks: string[] },
): Promise<string> => {
  await registerModels(database, vision);
  const models = vision.models.map((model) => model.id);
  const { id } = await database.db
    .insertInto('watchpost.worker')
    .values({ host: hostname(), pid: process.pid, version, models, ...process_ })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
};

/** Records that this process has stopped as intended. */
export const sayGoodbye = async (database: Database, id: string): Promise<void> => {
  await database.pool.query(
    'update watchpost.worker set stopped_at = clock_timestamp(), last_seen = clock_timestamp() where id = $1',
    [id],
  );
};
