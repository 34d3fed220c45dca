import { type Kysely, type NotNull, sql } from 'kysely';
import { findNamed } from '../database/named.ts';
import type { DB } from '../database/types.generated.ts';
import type { Page } from '../fields.ts';
import type { KindName } from './kinds/kind.ts';

/** Endpoints: listing them, their secrets and deliveries. The rules are in the database, in sql/5-alerts/endpoints.sql. */

/** The first row of a statement. */
export const firstRow = async <Row>(
  query: { execute(db: Kysely<DB>): Promise<{ rows: Row[] }> },
  db: Kysely<DB>,
) => {
  const { rows } = await query.execute(db);
  return rows[0] as Row;
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
      'e.kind',
      sql<Record<string, string>>`e.settings`.as('settings'),
      sql<boolean>`exists (select from watchpost.endpoint_credential as c where c.endpoint_id = e.id)`.as(
        'has_credential',
      ),
      'e.title_template',
      'e.text_template',
      sql<string | null>`(select s.name from watchpost.site as s where s.id = e.site_id)`.as('site'),
      'e.internal',
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
    .$narrowType<{ kind: KindName }>()
    .where('e.removed_at', 'is', null)
    .$if(page?.id !== undefined, (q) => q.where('e.id', '=', page?.id as string))
    .$if(page?.after !== undefined, (q) => q.where('e.name', '>', page?.after as string))
    .orderBy('e.name')
    .$if(page !== undefined, (q) => q.limit(page?.limit as number))
    .execute();

/** An endpoint by its name or id. @throws {WatchpostError} endpoint_unknown, by SQLSTATE. */
export const readEndpoint = async (db: Kysely<DB>, nameOrId: string) => {
  const [endpoint] = await readEndpoints(db, { id: await findNamed(db, 'endpoint', nameOrId), limit: 1 });
  return endpoint as NonNullable<typeof endpoint>;
};

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
