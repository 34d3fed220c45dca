import { requireSessions } from './pooler.ts';
import { ReadOnlyServer, UnusableServer } from './unusable-server.ts';
import type { WatchedClient } from './watched-client.ts';

/** What is tested; the embedded database is newer. */
const oldestPostgres = 17;

/**
 * The settings that Watchpost depends on. A server, a database or a role may have other defaults, and each of these has
 * then broken something. Not among them:
 *
 *   client_encoding                the driver asks for UTF8.
 *   default_transaction_read_only  a server that is set to read-only is refused: a provider sets it when a disk is full.
 *   TimeZone                       nothing depends on it, and what begins a day in a query is the operator's choice.
 *   jit, enable_…                  a matter of speed: the functions that depend on them set them themselves.
 */
const settings = {
  // How the driver writes arrays and SQL, and reads times, intervals, bytes and floating-point numbers.
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  // Fences and claims are written for it; a stricter level fails with 40001 where two workers meet.
  default_transaction_isolation: 'read committed',
  // With `replica` no trigger fires, so no photo becomes an event.
  session_replication_role: 'origin',
  plan_cache_mode: 'auto',
};

/** Limits of time. The driver has its own; a migration or a check of the whole record may take hours. */
const timeouts = {
  statement_timeout: '0',
  lock_timeout: '0',
  transaction_timeout: '0',
  // A connection that listens is idle most of the time.
  idle_session_timeout: '0',
  // The server gives up on a client that is gone in the middle of a transaction, and releases its locks, for which
  // a retry of the same work waits. No transaction here waits for a model, so none is idle for that long.
  idle_in_transaction_session_timeout: '12s',
};

/**
 * Only what differs is set: the embedded database swaps the settings of its clients. The search_path is public and the
 * schema of pgvector, whose types and operators are used by their names alone; everything else is named in full.
 */
const statementFor = (wanted: Record<string, string>): string => `
  select set_config(s.name, s.value, false)
  from (values ${Object.entries(wanted)
    .map(([name, value]) => `('${name}', '${value}')`)
    .join(', ')}) as s (name, value)
  where current_setting(s.name) <> s.value
  union all
  select set_config('search_path', string_agg(quote_ident(p.name), ', ' order by p.place), false)
  from (
    select 1 as place, 'public'::name as name
    union all
    select 2, n.nspname
    from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector' and n.nspname <> 'public'
  ) as p
  having array_agg(p.name order by p.place) <> current_schemas(false)`;

const onServer = statementFor({ ...settings, ...timeouts });
/** The embedded database has limits of its own, which would end its engine if they were set. */
const onEmbedded = statementFor(settings);

/** Not watchpost.timeline_of_server(), because the first connection may find a database without our schema. */
const aboutServer = `
  select
    pg_backend_pid() as pid,
    pg_is_in_recovery() as standby,
    current_setting('default_transaction_read_only') = 'on' as read_only,
    case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) end as timeline`;

/** What a new connection has found out about its server. */
interface Server {
  readonly pid: number;
  readonly standby: boolean;
  readonly read_only: boolean;
  /** Of its write-ahead log; null on a standby. */
  readonly timeline: string | null;
}

/**
 * Makes a new connection fit for use, whoever it is for: checks that its server can be used, and gives its session the
 * settings that Watchpost depends on. They are set after the connection is made, not in its startup packet, because
 * PgBouncer refuses a packet with settings that it does not know. In a pooler's transaction mode nothing is set: it would
 * stay in a session that others use, too.
 *
 * @param options.readOnly whether its server may take no writes.
 * @throws {UnusableServer} if its server is too old, or a pooler's sessions are shared. {ReadOnlyServer}
 */
export const prepareSession = async (
  client: WatchedClient,
  options: { url: string; readOnly?: boolean },
): Promise<Server> => {
  requireVersion(client.serverVersion);
  const { rows } = await client.query(aboutServer);
  const server: Server = rows[0];
  if (!options.readOnly && (server.standby || server.read_only)) throw new ReadOnlyServer(server.standby);
  if (!client.embedded && server.pid !== client.backendPid) {
    await requireSessions(options.url, client, server.pid);
  }
  await client.query(client.embedded ? onEmbedded : onServer);
  return server;
};

/** @throws {UnusableServer} below the oldest version, of which nothing is tested. */
const requireVersion = (version: string): void => {
  // A pooler may report none.
  if (!(Number.parseInt(version, 10) < oldestPostgres)) return;
  throw new UnusableServer(
    `It is PostgreSQL ${version}, and Watchpost needs ${oldestPostgres} or newer.`,
    'Upgrade the server, or unset DATABASE_URL to use the embedded database.',
  );
};
