import type { TestDatabase } from './database.ts';

/** Calls functions of the database in the name of somebody, as the API does, and returns the first row. */
export const actingOn =
  (database: TestDatabase) =>
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asks for.
  async (who: string, call: string, ...values: unknown[]): Promise<any> => {
    const client = await database.pool.connect();
    try {
      await client.query('begin');
      await client.query(`select set_config('watchpost.actor', $1, true)`, [who]);
      const { rows } = await client.query(`select * from watchpost.${call}`, values);
      await client.query('commit');
      return rows[0];
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
  };
