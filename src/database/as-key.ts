import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresDriver,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import pg from 'pg';
import type { Database } from './pool.ts';
import type { DB } from './types.generated.ts';

/** An API key, and how the record names it: `api:NAME`. */
interface Acting {
  readonly id: string;
  readonly actor: string;
}

/**
 * The database as an API key may see it: what the row-level security hides from the key is not there. Every connection is
 * in a transaction as the role watchpost_api, from when it is taken from the pool until it goes back; a query that is in no
 * transaction of its caller's has one of its own. That costs two round trips more, so for a key that sees and may do
 * everything use `database.db`.
 *
 * It uses the connections of the pool, which whoever destroys it does not end.
 */
export const openAsKey = ({ pool }: Database, key: Acting): Kysely<DB> => {
  const begin = `begin; select
    set_config('role', 'watchpost_api', true),
    set_config('watchpost.key', ${pg.escapeLiteral(key.id)}, true),
    set_config('watchpost.actor', ${pg.escapeLiteral(key.actor)}, true)`;
  return new Kysely<DB>({ dialect: new KeyDialect(() => new KeyDriver(pool, begin)) });
};

class KeyDialect implements Dialect {
  readonly #driver: () => Driver;

  constructor(driver: () => Driver) {
    this.#driver = driver;
  }

  createDriver = (): Driver => this.#driver();
  createAdapter = () => new PostgresAdapter();
  createQueryCompiler = () => new PostgresQueryCompiler();
  createIntrospector = (db: Kysely<unknown>) => new PostgresIntrospector(db);
}

class KeyDriver implements Driver {
  readonly #postgres: PostgresDriver;
  readonly #begin: CompiledQuery;

  constructor(pool: pg.Pool, begin: string) {
    this.#postgres = new PostgresDriver({ pool });
    this.#begin = CompiledQuery.raw(begin);
  }

  init = () => this.#postgres.init();

  async acquireConnection(): Promise<KeyConnection> {
    const connection = new KeyConnection(await this.#postgres.acquireConnection());
    try {
      await this.#open(connection);
    } catch (error) {
      await this.releaseConnection(connection);
      throw error;
    }
    return connection;
  }

  /** The transaction that the connection is in becomes that of the caller, who may begin another one after it. */
  async beginTransaction(connection: KeyConnection, settings: TransactionSettings): Promise<void> {
    if (settings.isolationLevel || settings.accessMode) {
      throw new Error('A transaction of a key has no settings of its own.');
    }
    if (!connection.isOpen) await this.#open(connection);
  }

  async commitTransaction(connection: KeyConnection): Promise<void> {
    connection.isOpen = false;
    await this.#postgres.commitTransaction(connection.inner);
  }

  async rollbackTransaction(connection: KeyConnection): Promise<void> {
    connection.isOpen = false;
    await this.#postgres.rollbackTransaction(connection.inner);
  }

  async releaseConnection(connection: KeyConnection): Promise<void> {
    try {
      // After an error a COMMIT rolls back. Its own failure matters only if there was none before.
      if (connection.isOpen) await connection.executeQuery(CompiledQuery.raw('commit'));
    } catch (error) {
      if (!connection.hasFailed) throw error;
    } finally {
      await this.#postgres.releaseConnection(connection.inner);
    }
  }

  /** The pool is the database's, which ends it. */
  async destroy(): Promise<void> {}

  async #open(connection: KeyConnection): Promise<void> {
    connection.isOpen = true;
    await connection.executeQuery(this.#begin);
  }
}

/** What PostgresDriver makes and takes; its class is not exported. */
type PostgresConnection = Parameters<PostgresDriver['releaseConnection']>[0];

class KeyConnection implements DatabaseConnection {
  readonly inner: PostgresConnection;
  /** Whether it is in a transaction. */
  isOpen = false;
  /** Whether a query has failed before the one that runs. */
  hasFailed = false;
  #failing = false;

  constructor(inner: DatabaseConnection) {
    this.inner = inner as PostgresConnection;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    this.hasFailed = this.#failing;
    try {
      return await this.inner.executeQuery<R>(query);
    } catch (error) {
      this.#failing = true;
      throw error;
    }
  }

  streamQuery<R>(query: CompiledQuery, chunkSize?: number): AsyncIterableIterator<QueryResult<R>> {
    return this.inner.streamQuery<R>(query, chunkSize ?? 100);
  }
}
