import type pg from 'pg';
import { CommandError } from '../errors.ts';

/** The oldest pgvector: halfvec, and iterative scans of an index. */
const oldestVector = '0.8';

/** The extensions that the first migration creates, and where to get each. */
const extensions = [
  { name: 'vector', from: `pgvector ${oldestVector} or newer (Debian: postgresql-17-pgvector)` },
  { name: 'btree_gist', from: 'the modules that come with Postgres (postgresql-contrib)' },
  { name: 'pg_trgm', from: 'the modules that come with Postgres (postgresql-contrib)' },
] as const;

interface Facts {
  readonly user: string;
  readonly database: string;
  readonly encoding: string;
  readonly superuser: boolean;
  readonly may_create: boolean;
  readonly has_schemas: boolean;
  readonly installed: Record<string, string>;
  readonly available: Record<string, string>;
}

/**
 * Checks, before anything is created, that a database can hold Watchpost's schema and that this user may create it. A
 * database that has it already is only read.
 *
 * @throws {CommandError} saying what is missing, and which statements somebody else has to run.
 */
export const requireRights = async (pool: pg.Pool): Promise<void> => {
  const { rows } = await pool.query<Facts>(
    `select
       current_user as user, current_database() as database, current_setting('server_encoding') as encoding,
       current_setting('is_superuser') = 'on' as superuser,
       has_database_privilege(current_database(), 'CREATE') as may_create,
       to_regnamespace('watchpost') is not null and to_regnamespace('graphile_worker') is not null as has_schemas,
       (
         select coalesce(jsonb_object_agg(e.extname, e.extversion), '{}')
         from pg_extension as e where e.extname = any ($1)
       ) as installed,
       (
         select coalesce(jsonb_object_agg(a.name, a.default_version), '{}')
         from pg_available_extensions as a where a.name = any ($1)
       ) as available`,
    [extensions.map(({ name }) => name)],
  );
  const facts = rows[0] as Facts;
  requireEncoding(facts);
  const missing = requireExtensions(facts);
  const statements: string[] = [];
  if (!facts.may_create && !facts.has_schemas) {
    statements.push(`grant create on database ${quoted(facts.database)} to ${quoted(facts.user)};`);
  }
  for (const { name } of missing) {
    if (!facts.superuser && !(await mayCreate(pool, name))) statements.push(`create extension ${name};`);
  }
  if (statements.length === 0) return;
  throw new CommandError(
    `The user ${facts.user} lacks rights in the database ${facts.database}.\nHave a superuser run this there, and start again:\n  ${statements.join('\n  ')}`,
  );
};

const requireEncoding = ({ database, encoding }: Facts): void => {
  if (encoding === 'UTF8') return;
  throw new CommandError(
    `The database ${database} has the encoding ${encoding}, and Watchpost needs UTF8.\nMake another one, and name it in DATABASE_URL: create database NAME encoding 'UTF8' template template0;`,
  );
};

/**
 * @returns the extensions that are still to be created.
 * @throws {CommandError} if the server does not have one, or too old a one.
 */
export const requireExtensions = ({ installed, available }: Pick<Facts, 'installed' | 'available'>) => {
  const missing = extensions.filter(({ name }) => installed[name] === undefined);
  const absent = missing.find(({ name }) => available[name] === undefined);
  if (absent) {
    throw new CommandError(
      `The server does not have the extension ${absent.name}.\nInstall ${absent.from} on its machine, and start again.`,
    );
  }
  const vector = installed.vector ?? available.vector ?? '';
  if (!isOlder(vector, oldestVector)) return missing;
  const update = isOlder(available.vector ?? '', oldestVector)
    ? `Install ${extensions[0].from} on the server's machine`
    : 'The server has a newer one';
  const then = installed.vector
    ? '; then have a superuser run in this database: alter extension vector update;'
    : '.';
  throw new CommandError(
    `pgvector ${vector} is too old; Watchpost needs ${oldestVector} or newer.\n${update}${then}`,
  );
};

/** Tries it and takes it back: whether a user may depends on the extension, on rights, and on the provider's own rules. */
const mayCreate = async (pool: pg.Pool, name: string): Promise<boolean> => {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await client.query(`create extension ${name}`);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === '42501') return false;
    // Another process has created it meanwhile.
    if (code === '23505' || code === '42710') return true;
    throw error;
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
};

/**
 * Waits for something that changes the schema.
 *
 * @throws {CommandError} if this user may not, naming who may.
 */
export const orNotOwner = async <T>(pool: pg.Pool, change: Promise<T>): Promise<T> => {
  try {
    return await change;
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    const { rows } = await pool.query<{ user: string; owner: string | null }>(
      `select current_user as user, (
         select pg_get_userbyid(n.nspowner) from pg_namespace as n where n.nspname = 'watchpost'
       ) as owner`,
    );
    const { user, owner } = rows[0] as { user: string; owner: string | null };
    throw new CommandError(
      `The user ${user} may not change the schema of Watchpost: ${(error as Error).message}.\nRun "watchpost migrate" as ${owner ?? 'the owner of the database'}, and start again.`,
      { cause: error },
    );
  }
};

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

const isOlder = (version: string, than: string): boolean => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = than.split('.').map(Number);
  return major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
};
