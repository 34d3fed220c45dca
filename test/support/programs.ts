import { existsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';

/**
 * The folder of the programs (initdb, pg_ctl) of this run's server, for tests that need a server of their own to
 * knock over; undefined if they are not on this machine, as with a container.
 */
export const findPrograms = async (): Promise<string | undefined> => {
  const source = inject('testSource');
  if (source.kind !== 'server') return undefined;
  const client = new pg.Client({ connectionString: source.url });
  await client.connect();
  const { rows } = await client.query(`select setting from pg_config where name = 'BINDIR'`);
  await client.end();
  return existsSync(join(rows[0].setting, 'pg_ctl')) ? rows[0].setting : undefined;
};
