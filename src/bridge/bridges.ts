import { type Kysely, sql } from 'kysely';
import type { Database } from '../database/pool.ts';
import type { DB } from '../database/types.generated.ts';
import { orNameTaken } from '../database/unique.ts';
import type { Outgoing } from '../outgoing/index.ts';
import type { Bridge, Credentials } from './bridge.ts';
import { connectBroker } from './brokers/index.ts';
import { readCredentials } from './credentials.ts';
import { reasonOf } from './reason.ts';
import { parseBrokerUrl } from './url.ts';

/** The rows of bridges: adding, listing, changing and testing them. The rules are in sql/2-broker/bridges.sql. */

/** The fields of a new bridge. */
export interface NewBridge extends Pick<Bridge, 'name' | 'kind' | 'direction' | 'url' | 'address'> {
  /** Out: alert.* unless given. */
  readonly topics?: readonly string[] | undefined;
  readonly mode?: Bridge['mode'] | undefined;
  /** In: name or id of the camera of photos that name none. */
  readonly camera?: string | undefined;
  readonly credentials?: Credentials | undefined;
  /** Out: the events on record are published first. */
  readonly fromBeginning?: boolean | undefined;
}

/**
 * Adds a bridge.
 *
 * @returns its id.
 * @throws {WatchpostError} bridge_invalid, camera_unknown, name_taken; then nothing was written.
 */
export const addBridge = async (db: Kysely<DB>, bridge: NewBridge): Promise<string> => {
  parseBrokerUrl(bridge.url);
  const { rows } = await orNameTaken(
    `The bridge name ${JSON.stringify(bridge.name)}`,
    sql<{ id: string }>`
      select watchpost.add_bridge(
        name => ${bridge.name}, kind => ${bridge.kind}, direction => ${bridge.direction}, url => ${bridge.url},
        address => ${bridge.address}, topics => ${bridge.topics ?? null}::text[], mode => ${bridge.mode ?? 'structured'},
        camera => ${bridge.camera ?? null},
        credentials => ${bridge.credentials === undefined ? null : JSON.stringify(bridge.credentials)}::jsonb,
        from_beginning => ${bridge.fromBeginning ?? false}
      ) as id
    `.execute(db),
  );
  return (rows[0] as { id: string }).id;
};

/** The bridges that were not removed, by name, with what they have done, without credentials. */
export const readBridges = async (db: Kysely<DB>) =>
  db.selectFrom('watchpost.bridge_status').selectAll().orderBy('name').execute();

/**
 * The id of a bridge by its name or id.
 *
 * @throws {WatchpostError} bridge_unknown, by SQLSTATE.
 */
export const findBridge = async (db: Kysely<DB>, nameOrId: string): Promise<string> => {
  const { rows } = await sql<{ id: string }>`select watchpost.find_bridge(${nameOrId}) as id`.execute(db);
  return (rows[0] as { id: string }).id;
};

/** Enables, disables or removes a bridge. */
export const changeBridge = async (
  db: Kysely<DB>,
  id: string,
  verb: 'enable' | 'disable' | 'remove',
): Promise<void> => {
  await (verb === 'remove'
    ? sql`select watchpost.remove_bridge(${id})`
    : sql`select watchpost.enable_bridge(${id}, ${verb === 'enable'})`
  ).execute(db);
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
    .select([
      'id',
      'site_id',
      'name',
      'kind',
      'direction',
      'url',
      'address',
      'topics',
      'mode',
      'camera_id as camera',
    ])
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
