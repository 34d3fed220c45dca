import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { Log } from '../log.ts';
import type { DB } from './types.generated.ts';

/** A pool of connections with Kysely on top of it. */
export interface Database {
  readonly url: string;
  readonly pool: pg.Pool;
  /** Queries name their tables in full: `watchpost.image`. */
  readonly db: Kysely<DB>;
  close(): Promise<void>;
}

/**
 * Opens a pool; connections are made when they are needed.
 *
 * @param options.max Connections at most. graphile-worker keeps one for LISTEN.
 */
export const openDatabase = (url: string, options: { log: Log; max?: number }): Database => {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.max ?? 10,
    application_name: 'watchpost',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  });
  // Without a listener, an idle connection that the server drops would end the process.
  pool.on('error', (error) =>
    options.log.warn({ reason: error.message }, 'lost an idle database connection'),
  );
  pool.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
  return {
    url,
    pool,
    db,
    async close() {
      await db.destroy();
      // Kysely ends the pool only if it has used it itself.
      if (!pool.ending) await pool.end();
    },
  };
};

/** The URL without its password, fit for showing. */
export const withoutPassword = (url: string): string => {
  const shown = new URL(url);
  if (shown.password) shown.password = '***';
  return shown.toString();
};
