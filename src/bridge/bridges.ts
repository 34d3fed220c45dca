import { type Kysely, type NotNull, sql } from 'kysely';
import { findNamed } from '../database/named.ts';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import type { Page } from '../fields.ts';
import type { Outgoing } from '../outgoing/index.ts';
import type { Bridge, Credentials } from './bridge.ts';
import { connectBroker } from './brokers/index.ts';
import { readCredentials, toSecret } from './credentials.ts';
import { reasonOf } from './reason.ts';
import { parseBrokerUrl } from './url.ts';

/** The rows of bridges: adding, listing, changing and testing them. The rules are in sql/2-broker/bridges.sql. */

/** The fields of a bridge. One that is omitted is unchanged, or has the usual value. */
export interface BridgeFields {
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly address?: string | undefined;
  readonly mode?: Bridge['mode'] | undefined;
  /** Out: alert.* unless given. */
  readonly topics?: readonly string[] | undefined;
  /** In: name or id of the camera of photos that name none; null: none. */
  readonly camera?: string | null | undefined;
  /** Never returned. Null: none. */
  readonly credentials?: Credentials | null | undefined;
}

/** A new bridge. */
export interface NewBridge
  extends Omit<BridgeFields, 'name' | 'url' | 'address'>,
    Pick<Bridge, 'name' | 'kind' | 'direction' | 'url' | 'address'> {
  /** Out: the events on record are published first. */
  readonly from_beginning?: boolean | undefined;
}

const nameOf = ({ name }: Pick<BridgeFields, 'name'>) => `The bridge name ${JSON.stringify(name)}`;

/**
 * Adds a bridge, in a transaction of the caller's.
 *
 * @returns its id.
 * @throws {WatchpostError} bridge_invalid, camera_unknown, name_taken; then nothing was written.
 */
export const addBridge = async (db: Kysely<DB>, bridge: NewBridge): Promise<string> => {
  parseBrokerUrl(bridge.url);
  const { rows } = await orNameTaken(
    nameOf(bridge),
    sql<{ id: string }>`
      select watchpost.add_bridge(
        name => ${bridge.name}, kind => ${bridge.kind}, direction => ${bridge.direction}, url => ${bridge.url},
        address => ${bridge.address}, topics => ${bridge.topics ?? null}::text[], mode => ${bridge.mode ?? 'structured'},
        camera => ${bridge.camera ?? null}, from_beginning => ${bridge.from_beginning ?? false}
      ) as id
    `.execute(db),
  );
  const { id } = rows[0] as { id: string };
  if (bridge.credentials) {
    const secret = await toSecret(db, id, bridge.credentials);
    await db.insertInto('watchpost.bridge_secret').values({ id, secret }).execute();
  }
  return id;
};

/**
 * Changes a bridge, whose kind, direction, site and position stay, in a transaction of the caller's.
 *
 * @returns the bridge as it is now.
 * @throws {WatchpostError} bridge_unknown, and those of addBridge; bridge_invalid also if the URL is at another server and the
 *   credentials are not given anew. Then nothing was written.
 */
export const setBridge = async (db: Kysely<DB>, nameOrId: string, fields: BridgeFields) => {
  const id = await findNamed(db, 'bridge', nameOrId);
  if (fields.url !== undefined) parseBrokerUrl(fields.url);
  const { credentials } = fields;
  // What is undefined is left out of JSON.
  const changes = {
    ...fields,
    credentials: credentials && `\\x${(await toSecret(db, id, credentials)).toString('hex')}`,
  };
  await orNameTaken(
    nameOf(fields),
    sql`select watchpost.set_bridge(${id}, ${JSON.stringify(changes)}::jsonb)`.execute(db),
  );
  return readBridge(db, id);
};

/** The columns that the table and the view have in common, but the camera. */
const settings = ['id', 'site_id', 'name', 'kind', 'direction', 'url', 'address', 'topics', 'mode'] as const;

/**
 * The bridges that were not removed, by name, with what they have done, without credentials.
 *
 * @param page of them, after a name; undefined: all. @param page.id the one that has it.
 */
export const readBridges = (db: Kysely<DB>, page?: Page & { readonly id?: string }) =>
  db
    .selectFrom('watchpost.bridge_status')
    .select([
      ...settings,
      ...(['camera', 'has_credentials', 'enabled', 'connected', 'connected_at', 'error'] as const),
      ...(['last_at', 'position', 'waiting', 'waiting_since', 'created_at'] as const),
      sql<number>`published::float8`.as('published'),
      sql<number>`received::float8`.as('received'),
      sql<number>`refused::float8`.as('refused'),
    ])
    .$if(page?.id !== undefined, (q) => q.where('id', '=', page?.id as string))
    .$if(page?.after !== undefined, (q) => q.where('name', '>', page?.after as string))
    .orderBy('name')
    .$if(page !== undefined, (q) => q.limit(page?.limit as number))
    .$narrowType<Status>()
    .execute();

/** What no row of the view is without. */
interface Status extends Pick<Bridge, 'kind' | 'direction' | 'mode'> {
  id: NotNull;
  name: NotNull;
  url: NotNull;
  address: NotNull;
  topics: NotNull;
  enabled: NotNull;
  connected: NotNull;
  has_credentials: NotNull;
  waiting: NotNull;
  created_at: NotNull;
}

/** One that is there. */
export const readBridge = async (db: Kysely<DB>, id: string) => {
  const [bridge] = await readBridges(db, { id, limit: 1 });
  return bridge as NonNullable<typeof bridge>;
};

/**
 * Connects to the broker of a bridge once, and publishes and reads nothing.
 *
 * @returns the reason why it cannot be connected; undefined: it can.
 */
export const testBridge = async (
  database: Database,
  outgoing: Outgoing,
  id: string,
): Promise<string | undefined> => {
  const bridge = (await database.db
    .selectFrom('watchpost.bridge')
    .select([...settings, 'camera_id as camera'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()) as Bridge;
  // Under an id of its own: MQTT would end the session of the process at work.
  const tested = { ...bridge, id: crypto.randomUUID(), direction: 'out' as const };
  try {
    const credentials = await readCredentials(database, bridge);
    const link = await connectBroker({ bridge: tested, credentials, outgoing, maxBytes: 65_536 });
    await link.close();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
};
