import { type Kysely, sql } from 'kysely';
import { toStored } from '../database/at-rest.ts';
import { findNamed } from '../database/named.ts';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import type { Outgoing } from '../outgoing/index.ts';
import { firstRow, readEndpoint } from './endpoints.ts';
import type { KindName } from './kinds/kind.ts';
import { assertFields, type EndpointFields, findLists, isInternalUrl, splitAddress } from './new-endpoint.ts';

/**
 * Changes an endpoint, whose kind and site stay.
 *
 * @returns the endpoint as it is now.
 * @throws {WatchpostError} endpoint_unknown, and those of addEndpoint; credential_invalid also if the URL is at another server and
 *   the credential is not given anew. Then nothing was written.
 */
export const setEndpoint = async (
  db: Kysely<DB>,
  nameOrId: string,
  fields: EndpointFields,
  { networks }: Outgoing,
) => {
  const id = await findNamed(db, 'endpoint', nameOrId);
  const { kind, site } = await firstRow(
    sql<{ kind: KindName; site: string }>`
      select e.kind, coalesce(e.site_id, watchpost.default_site()) as site from watchpost.endpoint as e where e.id = ${id}
    `,
    db,
  );
  const { time_to_live_seconds: seconds, watchlists, ...plain } = fields;
  assertFields(kind, plain);
  const address =
    plain.url === undefined
      ? { credential: plain.credential }
      : splitAddress(kind, plain.url, plain.credential);
  const { credential } = address;
  // What is undefined is left out of JSON.
  const changes = {
    ...plain,
    ...address,
    internal: 'url' in address ? isInternalUrl(kind, address.url, networks) : undefined,
    time_to_live: seconds === undefined ? undefined : `${seconds} seconds`,
    watchlists: watchlists && (await findLists(db, watchlists)),
    credential:
      typeof credential === 'string'
        ? `\\x${(await toStored(db, Buffer.from(credential), () => Promise.resolve(site))).toString('hex')}`
        : credential,
  };
  await orNameTaken(
    `The endpoint name ${JSON.stringify(fields.name)}`,
    sql`select watchpost.set_endpoint(${id}, ${JSON.stringify(changes)}::jsonb)`.execute(db),
  );
  return readEndpoint(db, id);
};
