import { type Kysely, type NotNull, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';
import type { Page } from '../fields.ts';
import { isInternal, type Outgoing, parseTarget } from '../outgoing/index.ts';
import { attemptDelivery } from './delivery.ts';
import type { EndpointAnswer } from './post.ts';

/**
 * Endpoints: adding, changing, listing and testing them. The rules are in the database, in
 * sql/5-alerts/endpoints.sql.
 */

/** The fields of a new endpoint. */
interface NewEndpoint {
  readonly name: string;
  readonly url: string;
  /** Names or ids; empty: all lists. */
  readonly watchlists?: readonly string[] | undefined;
  readonly min_severity?: string | undefined;
  readonly time_to_live_seconds?: number | undefined;
  /** alerts unless given; alarms: those of the machines; both: alerts and alarms; heads: the latest seal of the record, by schedule, and no alerts. */
  readonly sends?: 'alerts' | 'alarms' | 'both' | 'heads' | undefined;
}

const firstRow = async <Row>(
  query: { execute(db: Kysely<DB>): Promise<{ rows: Row[] }> },
  db: Kysely<DB>,
) => {
  const { rows } = await query.execute(db);
  return rows[0] as Row;
};

/**
 * The id of an endpoint by its name or id.
 *
 * @throws {WatchpostError} endpoint_unknown, by SQLSTATE.
 */
export const findEndpoint = async (db: Kysely<DB>, nameOrId: string): Promise<string> =>
  (await firstRow(sql<{ id: string }>`select watchpost.find_endpoint(${nameOrId}) as id`, db)).id;

/**
 * Adds an endpoint.
 *
 * @returns its id and its secret, which is only shown here.
 * @throws {WatchpostError} name_taken, watchlist_unknown, url_invalid, address_refused; then nothing was written.
 */
export const addEndpoint = async (
  db: Kysely<DB>,
  endpoint: NewEndpoint,
  { networks }: Outgoing,
): Promise<{ id: string; secret: string }> => {
  const target = parseTarget(endpoint.url, networks);
  const wanted = endpoint.watchlists ?? [];
  const lists = await db
    .selectFrom('watchpost.watchlist')
    .select(['id', 'name'])
    .where((eb) =>
      eb.or([
        eb('name', '=', sql<string>`any (${wanted}::text[])`),
        eb(sql`id::text`, '=', sql`any (${wanted}::text[])`),
      ]),
    )
    .execute();
  const unknown = wanted.find((list) => !lists.some(({ id, name }) => id === list || name === list));
  if (unknown !== undefined)
    throw new WatchpostError('watchlist_unknown', `There is no watchlist ${JSON.stringify(unknown)}.`);
  const { endpoint_id, secret } = await orNameTaken(
    `The endpoint name ${JSON.stringify(endpoint.name)}`,
    firstRow(
      sql<{ endpoint_id: string; secret: string }>`
        select * from watchpost.add_endpoint(
          name => ${endpoint.name},
          url => ${endpoint.url},
          watchlists => ${lists.map((list) => list.id)}::uuid[],
          min_severity => ${endpoint.min_severity ?? 'info'},
          time_to_live => make_interval(secs => ${endpoint.time_to_live_seconds ?? 900}),
          internal => ${isInternal(target)},
          sends => ${endpoint.sends ?? 'alerts'}
        )
      `,
      db,
    ),
  );
  return { id: endpoint_id, secret };
};

/**
 * The endpoints that were not removed, by name, with their state, without secrets.
 *
 * @param page of them, after a name; undefined: all. @param page.id the one that has it.
 */
export const readEndpoints = (db: Kysely<DB>, page?: Page & { readonly id?: string }) =>
  db
    .selectFrom('watchpost.endpoint as e')
    .select((eb) => [
      'e.id',
      'e.name',
      'e.url',
      'e.min_severity',
      sql<number>`extract(epoch from e.time_to_live)::float8`.as('time_to_live_seconds'),
      'e.sends',
      'e.enabled',
      'e.disabled_reason',
      'e.created_at',
      sql<string[]>`array(
        select w.name
        from watchpost.endpoint_watchlist as l
        join watchpost.watchlist as w on w.id = l.watchlist_id
        where l.endpoint_id = e.id
        order by w.name
      )`.as('watchlists'),
      eb
        .selectFrom('watchpost.endpoint_secret as s')
        .select('s.valid_until')
        .whereRef('s.endpoint_id', '=', 'e.id')
        .where('s.slot', '=', 'previous')
        .where('s.valid_until', '>', sql<Date>`now()`)
        .as('previous_secret_until'),
      eb
        .selectFrom('watchpost.notification as n')
        .select((n) => n.cast<number>(n.fn.countAll(), 'integer').as('due'))
        .whereRef('n.endpoint_id', '=', 'e.id')
        .where('n.state', '=', 'due')
        .as('due'),
    ])
    .where('e.removed_at', 'is', null)
    .$if(page?.id !== undefined, (q) => q.where('e.id', '=', page?.id as string))
    .$if(page?.after !== undefined, (q) => q.where('e.name', '>', page?.after as string))
    .orderBy('e.name')
    .$if(page !== undefined, (q) => q.limit(page?.limit as number))
    .execute();

/**
 * Gives an endpoint a new secret. The previous one also signs for a while.
 *
 * @param keepSeconds how long; 0 ends it at once.
 * @returns the secret, which is only shown here.
 */
export const rotateSecret = (db: Kysely<DB>, id: string, keepSeconds: number) =>
  firstRow(
    sql<{ secret: string; previous_until: Date }>`
      select * from watchpost.rotate_secret(${id}, make_interval(secs => ${keepSeconds}))
    `,
    db,
  );

/** Enables, disables or removes an endpoint. */
export const changeEndpoint = (db: Kysely<DB>, id: string, verb: 'enable' | 'disable' | 'remove') =>
  sql`select ${sql.ref(`watchpost.${verb}_endpoint`)}(${id})`.execute(db);

/** Conditions for a list of deliveries, and which page of it; by `id`, the one that has it. */
export interface DeliveryFilter extends Page {
  readonly id?: string | undefined;
  /** The id of an endpoint, also of one that was removed. */
  readonly endpoint?: string | undefined;
  /** The id of an alert. */
  readonly alert?: string | undefined;
  readonly outcome?: (typeof deliveryOutcomes)[number] | undefined;
  /** Started at this time or later, and before that one, in ISO 8601. */
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** What became of an attempt: see watchpost.delivery_log. */
export const deliveryOutcomes = ['delivered', 'failed', 'unfinished'] as const;

/** A page of the attempts to deliver that meet a filter, the latest first. */
export const readDeliveries = (db: Kysely<DB>, wanted: DeliveryFilter) => {
  const { id, endpoint, alert, outcome, since, until, after, limit } = wanted;
  return db
    .selectFrom('watchpost.delivery_log')
    .selectAll()
    .$if(id !== undefined, (q) => q.where('id', '=', id as string))
    .$if(endpoint !== undefined, (q) => q.where('endpoint_id', '=', endpoint as string))
    .$if(alert !== undefined, (q) => q.where('alert_id', '=', alert as string))
    .$if(outcome !== undefined, (q) => q.where('outcome', '=', outcome as string))
    .$if(since !== undefined, (q) => q.where('started_at', '>=', new Date(since as string)))
    .$if(until !== undefined, (q) => q.where('started_at', '<', new Date(until as string)))
    .$if(after !== undefined, (q) => q.where('id', '<', after as string))
    .orderBy('id', 'desc')
    .limit(limit)
    .$narrowType<{
      id: NotNull;
      endpoint_id: NotNull;
      endpoint: NotNull;
      attempt: NotNull;
      started_at: NotNull;
    }>()
    .execute();
};

/**
 * Sends a message of the type `test` at once and records it, also to a disabled endpoint.
 *
 * @param by who sends it, for the message.
 * @returns its status, and why it does not count as delivered; never what the server wrote.
 * @throws {WatchpostError} endpoint_unknown, by SQLSTATE.
 */
export const testEndpoint = async (
  db: Kysely<DB>,
  outgoing: Outgoing,
  nameOrId: string,
  by: string,
): Promise<EndpointAnswer> => {
  const id = await findEndpoint(db, nameOrId);
  const { url, name, secrets } = await firstRow(
    sql<{ url: string; name: string; secrets: string[] }>`
      select e.url, e.name, watchpost.valid_secrets(e.id) as secrets
      from watchpost.endpoint as e
      where e.id = ${id}
    `,
    db,
  );
  const message = {
    type: 'test',
    timestamp: new Date().toISOString(),
    data: { endpoint: name, sent_by: by },
  };
  return attemptDelivery({ db }, outgoing, {
    endpointId: id,
    notificationId: null,
    type: 'test',
    url,
    secrets,
    body: JSON.stringify(message),
  });
};
