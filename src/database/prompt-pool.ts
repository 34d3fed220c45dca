import type pg from 'pg';
import type { WatchedClient } from './watched-client.ts';

/** Codes on which graphile-worker itself tries again, silently, after 3 s and then after up to two minutes. */
const patientCodes = ['57P03', 'EHOSTUNREACH', 'ETIMEDOUT'];

/**
 * A pool of connections for one of graphile-worker's pools:
 *
 * - A fetch of jobs that could not connect fails at once, and the next poll tries again. By graphile-worker's own rule a
 *   worker may wait for two minutes after the database is back.
 * - It has connections to servers of one timeline only, that of its first one. graphile-worker completes a job by its id
 *   alone, and after a failover another job may have that id.
 */
export const promptPool = (pool: pg.Pool): pg.Pool => {
  const first: { timeline?: string | undefined } = {};
  return new Proxy(pool, {
    get(target, name) {
      if (name === 'connect') return (...args: []) => connect(target, first, ...args);
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
};

/** With a callback, for LISTEN, errors pass as they are; else they lose the codes above. */
const connect = (
  pool: pg.Pool,
  first: { timeline?: string | undefined },
  ...args: []
): Promise<pg.PoolClient> => {
  const connecting = pool.connect(...args);
  return connecting?.then(
    (client) => {
      const { timeline } = client as unknown as WatchedClient;
      first.timeline ??= timeline;
      if (first.timeline === timeline) return client;
      client.release();
      throw new Error(
        `The server is of timeline ${timeline}, and these jobs were taken in ${first.timeline}.`,
      );
    },
    (error: Error & { code?: string }) => {
      if (!patientCodes.includes(error.code ?? '')) throw error;
      throw new Error(error.message, { cause: error });
    },
  );
};
