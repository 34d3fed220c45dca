import { type Kysely, sql } from 'kysely';
import { toStored } from '../database/at-rest.ts';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import { WatchpostError } from '../errors.ts';
import { hostOf, isInternal, type Outgoing, parseOtherTarget, parseTarget } from '../outgoing/index.ts';
import { firstRow } from './endpoints.ts';
import { kinds } from './kinds/index.ts';
import type { KindName } from './kinds/kind.ts';
import { assertTemplate } from './template.ts';

/** The fields of an endpoint. One that is omitted is unchanged, or has the usual value. */
export interface EndpointFields {
  readonly name?: string | undefined;
  /** Unless the kind has one address only. Of Discord and Slack as they show it: its last part is kept as the credential. */
  readonly url?: string | undefined;
  /** What the kind has to know beside it, as a whole. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** A token, password or key; never returned. Null: none. */
  readonly credential?: string | null | undefined;
  /** Mustache; null: the usual words. */
  readonly title_template?: string | null | undefined;
  readonly text_template?: string | null | undefined;
  /** Names or ids; empty: all lists. */
  readonly watchlists?: readonly string[] | undefined;
  readonly min_severity?: string | undefined;
  readonly time_to_live_seconds?: number | undefined;
  /** alerts unless given; alarms: those of the machines; both: alerts and alarms; heads: the latest seal of the record, by schedule, and no alerts. */
  readonly sends?: 'alerts' | 'alarms' | 'both' | 'heads' | undefined;
}

/** A new endpoint. */
export interface NewEndpoint extends EndpointFields {
  readonly name: string;
  /** What is there; webhook unless given. */
  readonly kind?: KindName | undefined;
}

/**
 * Adds an endpoint.
 *
 * @returns its id and, of a webhook, its secret, which is only shown here.
 * @throws {WatchpostError} name_taken, watchlist_unknown, url_invalid, address_refused, settings_invalid, credential_invalid,
 *   template_invalid; then nothing was written.
 */
export const addEndpoint = async (
  db: Kysely<DB>,
  endpoint: NewEndpoint,
  { networks }: Outgoing,
): Promise<{ id: string; secret: string | null }> => {
  const { kind = 'webhook', settings = {} } = endpoint;
  assertFields(kind, { ...endpoint, settings });
  const { url, credential } = splitAddress(kind, endpoint.url ?? kinds[kind].usualUrl, endpoint.credential);
  const lists = await findLists(db, endpoint.watchlists ?? []);
  const stored =
    credential == null ? null : await toStored(db, Buffer.from(credential), () => siteOfCaller(db));
  const { endpoint_id, secret } = await orNameTaken(
    `The endpoint name ${JSON.stringify(endpoint.name)}`,
    firstRow(
      sql<{ endpoint_id: string; secret: string | null }>`
        select * from watchpost.add_endpoint(
          name => ${endpoint.name},
          url => ${url},
          watchlists => ${lists}::uuid[],
          min_severity => ${endpoint.min_severity ?? 'info'},
          time_to_live => make_interval(secs => ${endpoint.time_to_live_seconds ?? 900}),
          internal => ${isInternalUrl(kind, url, networks)},
          sends => ${endpoint.sends ?? 'alerts'},
          kind => ${kind},
          settings => ${JSON.stringify(settings)}::jsonb,
          credential => ${stored}::bytea,
          title_template => ${endpoint.title_template ?? null},
          text_template => ${endpoint.text_template ?? null}
        )
      `,
      db,
    ),
  );
  return { id: endpoint_id, secret };
};

/**
 * Tests what the database does not test, or says less about: templates and settings.
 *
 * @throws {WatchpostError} template_invalid, settings_invalid.
 */
export const assertFields = (
  kind: KindName,
  {
    settings,
    title_template,
    text_template,
  }: Pick<EndpointFields, 'settings' | 'title_template' | 'text_template'>,
): void => {
  for (const template of [title_template, text_template]) if (template != null) assertTemplate(template);
  if (settings === undefined) return;
  const checked = kinds[kind].settings.safeParse(settings);
  if (checked.success) return;
  const [issue] = checked.error.issues;
  const name = issue?.path.join('.');
  const isMissing = issue?.code === 'invalid_type' && !(String(name) in settings);
  const what = isMissing ? `${name} is missing` : `${name ? `${name}: ` : ''}${issue?.message}`;
  throw new WatchpostError('settings_invalid', `The settings of ${kind}: ${what}.`);
};

/**
 * The address, and the credential that may be its last part.
 *
 * @throws {WatchpostError} url_invalid: there is no address.
 */
export const splitAddress = (
  kind: KindName,
  address: string | undefined,
  credential: string | null | undefined,
) => {
  if (address === undefined)
    throw new WatchpostError('url_invalid', `An endpoint of the kind ${kind} needs a URL.`);
  const form = {
    discord: /^(https?:\/\/[^/?#]+\/api\/webhooks\/\d+)\/([^/?#]+)$/,
    slack: /^(https?:\/\/[^/?#]+\/services\/[^/?#]+\/[^/?#]+)\/([^/?#]+)$/,
  }[kind as 'discord' | 'slack'];
  const [, base, last] = (credential == null && form?.exec(address)) || [];
  return { url: base ?? address, credential: last ?? credential };
};

/** Whether a URL is refused by the database unless the row says that it is internal. @throws {WatchpostError} url_invalid, address_refused. */
export const isInternalUrl = (kind: KindName, url: string, networks: Outgoing['networks']): boolean => {
  const { scheme } = kinds[kind];
  if (scheme === undefined) {
    const target = parseTarget(url, networks);
    return isInternal(hostOf(target), target.protocol === 'https:');
  }
  const target = parseOtherTarget(url, networks, scheme, scheme === 'smtp');
  return isInternal(target.host, target.isSecure || scheme === 'smtp');
};

/** The site by whose key the credential is encrypted: that of the endpoint, or the first of all. */
const siteOfCaller = async (db: Kysely<DB>): Promise<string> =>
  (
    await firstRow(
      sql<{ id: string }>`select coalesce(watchpost.own_site(), watchpost.default_site()) as id`,
      db,
    )
  ).id;

/** The ids of lists by their names or ids. @throws {WatchpostError} watchlist_unknown. */
export const findLists = async (db: Kysely<DB>, wanted: readonly string[]): Promise<string[]> => {
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
  return lists.map(({ id }) => id);
};
