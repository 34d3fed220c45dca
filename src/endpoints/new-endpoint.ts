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

/** The fields of a new endpoint. */
export interface NewEndpoint {
  readonly name: string;
  /** What is there; webhook unless given. */
  readonly kind?: KindName | undefined;
  /** Unless the kind has one address only. Of Discord and Slack as they show it: its last part is kept as the credential. */
  readonly url?: string | undefined;
  /** What the kind has to know beside it. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** A token, password or key; never returned. */
  readonly credential?: string | undefined;
  /** Mustache; the usual words unless given. */
  readonly title_template?: string | undefined;
  readonly text_template?: string | undefined;
  /** Names or ids; empty: all lists. */
  readonly watchlists?: readonly string[] | undefined;
  readonly min_severity?: string | undefined;
  readonly time_to_live_seconds?: number | undefined;
  /** alerts unless given; alarms: those of the machines; both: alerts and alarms; heads: the latest seal of the record, by schedule, and no alerts. */
  readonly sends?: 'alerts' | 'alarms' | 'both' | 'heads' | undefined;
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
  for (const template of [endpoint.title_template, endpoint.text_template])
    if (template !== undefined) assertTemplate(template);
  const checked = kinds[kind].settings.safeParse(settings);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const name = issue?.path.join('.');
    const isMissing = issue?.code === 'invalid_type' && !(String(name) in settings);
    const what = isMissing ? `${name} is missing` : `${name ? `${name}: ` : ''}${issue?.message}`;
    throw new WatchpostError('settings_invalid', `The settings of ${kind}: ${what}.`);
  }
  const { url, credential } = splitAddress(kind, endpoint);
  const lists = await findLists(db, endpoint.watchlists ?? []);
  const stored =
    credential === undefined ? null : await toStored(db, Buffer.from(credential), () => siteOfCaller(db));
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

/** The address, and the credential that may be its last part. */
const splitAddress = (kind: KindName, { url, credential }: NewEndpoint) => {
  const address = url ?? kinds[kind].usualUrl;
  if (address === undefined)
    throw new WatchpostError('url_invalid', `An endpoint of the kind ${kind} needs a URL.`);
  const form = {
    discord: /^(https?:\/\/[^/?#]+\/api\/webhooks\/\d+)\/([^/?#]+)$/,
    slack: /^(https?:\/\/[^/?#]+\/services\/[^/?#]+\/[^/?#]+)\/([^/?#]+)$/,
  }[kind as 'discord' | 'slack'];
  const [, base, last] = (credential === undefined && form?.exec(address)) || [];
  return { url: base ?? address, credential: credential ?? last };
};

const isInternalUrl = (kind: KindName, url: string, networks: Outgoing['networks']): boolean => {
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

/** @throws {WatchpostError} watchlist_unknown. */
const findLists = async (db: Kysely<DB>, wanted: readonly string[]): Promise<string[]> => {
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
