import pg from 'pg';
import { driverUrl } from '../database-url.ts';
import { UnusableServer } from './unusable-server.ts';

/** URLs whose pooler was found to give each client a session of its own. */
const checked = new Map<string, Promise<void>>();

/** How often the pids are compared. A pooler that hands out its sessions by chance passes one round by chance. */
const rounds = 4;

/**
 * Checks that a pooler gives each client a session of its own, as PgBouncer does in session mode. Otherwise a prepared
 * statement, a setting, LISTEN and a lock of a session end up in sessions of others: photos are accepted and left lying.
 *
 * Called for a connection whose session has another process id than the one that came with the connection: something in
 * between answers for the server. If that gives out a session for a transaction only, then
 *
 * - with one session, or the one used last given out first, two clients that are connected at the same time find
 *   themselves in the same session;
 * - with several given out in turn, one client finds itself in another session than before.
 *
 * It takes no right but to connect. It is done once for each URL, until it has passed.
 *
 * @param one a connection through it, outside a transaction.
 * @param pid of the session that it had at its first query.
 * @throws {UnusableServer} if sessions are shared, or there is no second one within 10 s, or the pooler's own limit.
 */
export const requireSessions = (url: string, one: pg.Client, pid: number): Promise<void> => {
  const before = checked.get(url);
  if (before) return before;
  const check = compareSessions(url, one, pid);
  checked.set(url, check);
  check.catch(() => checked.delete(url));
  return check;
};

const compareSessions = async (url: string, one: pg.Client, pid: number): Promise<void> => {
  const other = new pg.Client({
    connectionString: driverUrl(url),
    connectionTimeoutMillis: 10_000,
    query_timeout: 10_000,
  });
  // It may be cut off while it waits.
  other.on('error', () => {});
  try {
    await other.connect();
    for (let round = 0; round < rounds; round++) {
      const pids = [await pidOf(one), await pidOf(other), await pidOf(one)];
      if (pids[0] !== pid || pids[1] === pid || pids[2] !== pid) throw sharedSessions();
    }
  } catch (error) {
    throw /timeout/i.test(String(error)) ? noSecondSession() : error;
  } finally {
    await other.end().catch(() => {});
  }
};

const pidOf = async (client: pg.Client): Promise<number> =>
  (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid as number;

const sharedSessions = () =>
  new UnusableServer(
    'DATABASE_URL leads through a pooler in transaction mode, which gives a client another session for each transaction; Watchpost needs sessions of its own.',
    'Set DATABASE_URL to the server itself, or to a pool in session mode (PgBouncer: pool_mode = session for this database).',
  );

const noSecondSession = () =>
  new UnusableServer(
    'DATABASE_URL leads through a pooler that has no second session to give.',
    'Raise its pool_size (PgBouncer: default_pool_size) to 15 for each process, or set DATABASE_URL to the server itself.',
  );
