import type pg from 'pg';

/** Codes on which graphile-worker itself tries again, silently, after 3 s and then after up to two minutes. */
const patientCodes = ['57P03', 'EHOSTUNREACH', 'ETIMEDOUT'];

/**
 * A pool for graphile-worker, in which a fetch of jobs that could not connect fails at once; the next poll, a second
 * later, tries again. By graphile-worker's own rule a worker may wait for two minutes after the database is back.
 */
export const promptPool = (pool: pg.Pool): pg.Pool =>
  new Proxy(pool, {
    get(target, name) {
      if (name === 'connect') return (...args: []) => connect(target, ...args);
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

/** With a callback, for LISTEN, errors pass as they are; else they lose the codes above. */
const connect = (pool: pg.Pool, ...args: []): Promise<pg.PoolClient> => {
  const connecting = pool.connect(...args);
  return connecting?.catch((error: Error & { code?: string }) => {
    if (!patientCodes.includes(error.code ?? '')) throw error;
    throw new Error(error.message, { cause: error });
  });
};
