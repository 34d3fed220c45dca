import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { driverUrl } from '../database-url.ts';
import type { Log } from '../log.ts';
import { Outage } from './outage.ts';
import { prepareSession } from './session.ts';
import { Timeline } from './timeline.ts';
import type { DB } from './types.generated.ts';
import { WatchedClient } from './watched-client.ts';

/** The server looks every two seconds whether the client of a running statement is still there. */
const cancelWhenGone = `set client_connection_check_interval = '2s'`;

/** A pool of connections with Kysely on top of it. */
export interface Database {
  readonly url: string;
  readonly pool: pg.Pool;
  /** Queries name their tables in full: `watchpost.image`. */
  readonly db: Kysely<DB>;
  /**
   * Two sessions that stay open, for what reads a table from end to end. A session that reads memory for the first time
   * has to map it: the first search of a million faces takes 1.9 s, every other 0.45.
   */
  readonly sweep: Kysely<DB>;
  /** For graphile-worker: one connection that listens, and one for everything else that it asks. */
  readonly jobs: pg.Pool;
  /** Where parts of this process report that they could, or could not, reach the database. */
  readonly outage: Outage;
  /** Of the server, for a database that is not opened as read-only. */
  readonly timeline: Timeline;
  close(): Promise<void>;
}

/**
 * Opens a pool; connections are made when they are needed. One to a server that takes no writes fails with 25006,
 * unless that is allowed. session.ts says what each of them is made to be.
 *
 * @param options.max Connections at most. graphile-worker keeps one for LISTEN.
 * @param options.answerWithinMs After that long without an answer a connection is cut and its query fails; 0: never,
 *   for statements that may take long.
 * @param options.server Whether it is a server, and not the embedded database: then it is told to cancel the statement of a
 *   client that has cut its connection or died, which would otherwise run to its end.
 * @param options.readOnly Whether its server may be a replica, for those that only read.
 */
export const openDatabase = (
  url: string,
  options: { log: Log; max?: number; answerWithinMs?: number; server?: boolean; readOnly?: boolean },
): Database => {
  const timeline = new Timeline();
  const settings = {
    ...connectionSettings(url),
    keepAliveInitialDelayMillis: 10_000,
    query_timeout: options.answerWithinMs ?? 30_000,
    Client: WatchedClient,
    onConnect: async (client: pg.ClientBase) => {
      const watched = client as WatchedClient;
      if (options.readOnly) watched.allowReadOnly();
      else watched.requireWritable();
      const server = await prepareSession(watched, { url, readOnly: options.readOnly ?? false });
      // Refused by a server on a platform where it cannot notice.
      if (options.server) await watched.query(cancelWhenGone).catch(() => {});
      if (options.readOnly || server.timeline === null) return;
      watched.timeline = server.timeline;
      const before = timeline.connectedTo(server.timeline);
      if (before) options.log.warn({ before, now: server.timeline }, 'the server is of another timeline');
    },
  };
  // A new session has to plan every statement and map all the memory that it reads, so those of the sweep are kept
  // longer. An idle process holds few, so that a server with its default of 100 connections can serve dozens of
  // processes.
  const pool = new pg.Pool({ ...settings, max: options.max ?? 10, idleTimeoutMillis: 30_000 });
  const sweeping = new pg.Pool({ ...settings, max: 2, idleTimeoutMillis: 60_000 });
  const jobs = new pg.Pool({ ...settings, max: 2, idleTimeoutMillis: 30_000 });
  for (const one of [pool, sweeping, jobs]) {
    // Without a listener, an idle connection that the server drops would end the process.
    one.on('error', (error) =>
      options.log.debug({ reason: error.message }, 'lost an idle database connection'),
    );
  }
  // graphile-worker warns of a pool without this listener.
  for (const one of [pool, jobs]) one.on('connect', (client) => client.on('error', () => {}));
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool }) });
  const sweep = new Kysely<DB>({ dialect: new PostgresDialect({ pool: sweeping }) });
  return {
    url,
    pool,
    db,
    sweep,
    jobs,
    outage: new Outage(options.log),
    timeline,
    async close() {
      if (!jobs.ending) await jobs.end();
      await sweep.destroy();
      if (!sweeping.ending) await sweeping.end();
      await db.destroy();
      // Kysely ends the pool only if it has used it itself.
      if (!pool.ending) await pool.end();
    },
  };
};

/** What every client of the driver is given, of a pool or not. */
export const connectionSettings = (url: string) => ({
  connectionString: driverUrl(url),
  application_name: 'watchpost',
  connectionTimeoutMillis: 10_000,
  keepAlive: true,
});
