import { isDatabaseAway } from '../errors.ts';
import type { Database } from './pool.ts';

/** Milliseconds before the first and before later attempts. */
const pauses = { first: 100, longest: 2_000 };

/**
 * Times that something is tried while others do reach the database: then it is not the database that fails, but what
 * it is asked, such as a statement that takes longer than any answer is waited for.
 */
const mostAlone = 8;

/** How long a process that starts waits for its database, in ms: one that is started with it, or that recovers. */
const startWithin = 60_000;

/**
 * Does what a process does at its start, again while the database is away.
 *
 * @throws the last failure, when it has been away for a minute.
 */
export const waitForDatabase = <T>(database: Database, attempt: () => Promise<T>): Promise<T> => {
  const until = Date.now() + startWithin;
  return retryWhileAway(database, () => Date.now() > until, attempt);
};

/**
 * Does something again until the database could be reached for it. An outage is no failure of the item that met it: a
 * job that failed by it would use up an attempt, and five short outages would make dead letters of good photos.
 *
 * @param attempt is told whether it is a later one: the earlier may have been committed without our learning of it.
 * @param given when to give up: then the last failure is thrown.
 */
export const retryWhileAway = async <T>(
  database: Database,
  given: () => boolean,
  attempt: (again: boolean) => Promise<T>,
): Promise<T> => {
  let pause = pauses.first;
  for (let tries = 1; ; tries++) {
    try {
      const result = await attempt(tries > 1);
      if (tries > 1) database.outage.over();
      return result;
    } catch (error) {
      if (given() || !isDatabaseAway(error)) throw error;
      if (tries >= mostAlone && !database.outage.away) throw error;
      database.outage.noticed(error);
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 2, pauses.longest);
  }
};
