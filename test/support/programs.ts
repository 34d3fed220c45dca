import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
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

/**
 * The folder of pg_dump, pg_restore and psql, of this run's server's version or newer; undefined if there are none, beside
 * the server, on the PATH or below /usr/lib/postgresql.
 */
export const findDumpPrograms = async (): Promise<string | undefined> => {
  const source = inject('testSource');
  if (source.kind !== 'server') return undefined;
  const client = new pg.Client({ connectionString: source.url });
  await client.connect();
  const { rows } = await client.query(
    `select (select setting from pg_config where name = 'BINDIR') as beside,
            current_setting('server_version_num')::integer / 10000 as major`,
  );
  await client.end();
  const system = '/usr/lib/postgresql';
  const places = [
    rows[0].beside,
    ...(process.env.PATH ?? '').split(':'),
    ...(existsSync(system) ? readdirSync(system) : []).map((version) => join(system, version, 'bin')),
  ];
  return places.find(
    (place) =>
      ['pg_dump', 'pg_restore', 'psql'].every((program) => existsSync(join(place, program))) &&
      majorOf(join(place, 'pg_dump')) >= rows[0].major,
  );
};

const majorOf = (program: string): number =>
  Number(/(\d+)/.exec(spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1] ?? 0);
