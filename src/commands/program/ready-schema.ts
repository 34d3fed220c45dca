import { migrate } from '../../database/migrate.ts';
import type { Database } from '../../database/pool.ts';
import { readProcessingDefault, readRules, setProcessingDefault } from '../../watchlist/registry.ts';
import type { Context } from './session.ts';

/** The first migration: where it was applied, the installation is new. */
const first = 'migrations/0001_base.sql';

/**
 * Applies the schema and the settings that are kept in the database. At the first start it says how long photos and faces
 * are kept.
 *
 * @param say gets each sentence; default: the log.
 * @returns the files that were applied.
 */
export const readySchema = async (
  database: Database,
  { config, log }: Pick<Context, 'config' | 'log'>,
  say: (sentence: string) => void = (sentence) => log.info(sentence),
): Promise<string[]> => {
  const { pool, db } = database;
  const applied = await migrate(pool, log);
  const { legal_basis, purpose } = config.processing;
  if (legal_basis ?? purpose) await setProcessingDefault(db, { legal_basis, purpose });
  if (!applied.includes(first)) return applied;
  const ages = Object.fromEntries((await readRules(db)).map(({ relation, age }) => [relation, age]));
  say(
    `photos that no alert rests on are deleted after ${ages.image}, and faces that match nobody after ${ages.face}: "watchpost retention" shows and changes it`,
  );
  const byDefault = await readProcessingDefault(db);
  if (byDefault.legal_basis === 'unspecified' || byDefault.purpose === 'unspecified') {
    say(
      'the legal basis of people and the purpose of lists are unspecified where none is given: "watchpost retention default" sets them',
    );
  }
  return applied;
};
