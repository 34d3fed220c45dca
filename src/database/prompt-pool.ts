import type pg from 'pg';

/** Codes on which graphile-worker tries again by itself, after 3 s and then up to two minutes, telling nobody. */
const patientCodes = ['57P03', 'EHOSTUNREACH', 'ETIMEDOUT'];

/**
 * A pool for graphile-worker. A fetch of jobs that could not connect fails at once, and the next poll, a second later,
 * is the next attempt; by graphile-worker's own patience a worker may sleep for two minutes while the database, back
 * from its recovery, waits for it.
 */
export const promptPool = (pool: pg.Pool): pg.Pool =>
  new Proxy(pool, {
    get(target, name) {
      if (name === 'connect') return (...args: []) => connect(target, ...args);
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

/** With a callback, for LISTEN, as the pool does it; else with an error that carries none of those codes. */
const connect = (pool: pg.Pool, ...args: []): Promise<pg.PoolClient> => {
  const connecting = pool.connect(...args);
  return connecting?.catch((error: Error & { code?: string }) => {
    if (!patientCodes.includes(error.code ?? '')) throw error;
    throw new Error(error.message, { cause: error });
  });
};
