import { sql } from 'kysely';
import type { MqttClient } from 'mqtt';
import type { Database } from '../database/pool.ts';
import { isDatabaseAway } from '../database-errors.ts';
import type { Log } from '../log.ts';
import { type Outgoing, publicOnly } from '../outgoing/index.ts';
import { topicOf } from './kinds/mqtt.ts';
import { connectBroker } from './mqtt.ts';
import { readReceiver } from './receiver.ts';

/** Most milliseconds that a connection may take to be made. */
const patienceMs = 10_000;

/**
 * Says at the brokers of Home Assistant that Watchpost is there: `online` in TOPIC/status while a worker is connected, and `offline`,
 * the last will of its connection, when the last is gone. One worker at a time does so for an endpoint; if it is lost, another.
 */
export class Presence {
  readonly #database: Database;
  readonly #outgoing: Outgoing;
  readonly #workerId: string;
  readonly #log: Log;
  readonly #clients = new Map<string, { readonly client: MqttClient; readonly at: string }>();

  constructor(database: Database, outgoing: Outgoing | undefined, workerId: string, log: Log) {
    this.#database = database;
    this.#outgoing = outgoing ?? publicOnly;
    this.#workerId = workerId;
    this.#log = log;
  }

  /** To be called every few seconds. Connects where that is due; a broker that cannot be reached is tried again. */
  async keep(): Promise<void> {
    const { rows } = await this.#database.pool.query<{ id: string; at: string }>(
      `select e.id, concat_ws(' ', e.url, e.settings) as at
       from unnest(watchpost.hold_home($1)) as h (id)
       join watchpost.endpoint as e on e.id = h.id`,
      [this.#workerId],
    );
    const held = new Map(rows.map(({ id, at }) => [id, at]));
    for (const [id, { client, at }] of this.#clients) {
      if (held.get(id) === at && client.connected) continue;
      this.#clients.delete(id);
      // Another worker has it, or it was changed or disabled: then nobody says that this system is there.
      if (client.connected && !(await this.#isHeldByOther(id))) await goOffline(client);
      else client.end();
    }
    await Promise.all(
      [...held].filter(([id]) => !this.#clients.has(id)).map(([id, at]) => this.#connect(id, at)),
    );
  }

  /** Says that it goes, and gives the endpoints to other workers. */
  async stop(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(({ client }) => goOffline(client)));
    this.#clients.clear();
    await this.#database.pool.query('update watchpost.home set worker_id = null where worker_id = $1', [
      this.#workerId,
    ]);
  }

  async #isHeldByOther(endpointId: string): Promise<boolean> {
    const { rows } = await this.#database.pool.query<{ other: boolean }>(
      'select worker_id is distinct from $2 as other from watchpost.home where endpoint_id = $1',
      [endpointId, this.#workerId],
    );
    return rows[0]?.other ?? false;
  }

  async #connect(endpointId: string, at: string): Promise<void> {
    try {
      const { db } = this.#database;
      const receiver = await readReceiver(db, endpointId);
      const topic = `${topicOf(receiver.settings)}/status`;
      const options = { qos: 1 as const, retain: true };
      const client = await connectBroker(
        receiver,
        { outgoing: this.#outgoing, signal: AbortSignal.timeout(patienceMs) },
        { will: { topic, payload: Buffer.from('offline'), ...options } },
      );
      statusTopics.set(client, topic);
      this.#clients.set(endpointId, { client, at });
      // The will of a connection that another worker had may come late.
      client.on('message', (_, payload) => {
        if (payload.toString() === 'offline' && this.#clients.get(endpointId)?.client === client)
          client.publish(topic, 'online', options);
      });
      await client.subscribeAsync(topic, { qos: 1 });
      await client.publishAsync(topic, 'online', options);
      // The broker may be a new one, with nothing retained.
      await sql`update watchpost.home_topic set sha256 = '' where endpoint_id = ${endpointId}`.execute(db);
      await sql`select watchpost.want_home(array[${endpointId}::uuid])`.execute(db);
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      this.#log.debug({ endpoint: endpointId, reason: String(error) }, 'the broker cannot be reached now');
    }
  }
}

const statusTopics = new WeakMap<MqttClient, string>();

/** Says `offline` as the last will would, and ends the connection. */
const goOffline = async (client: MqttClient): Promise<void> => {
  const topic = statusTopics.get(client);
  client.removeAllListeners('message');
  const late = AbortSignal.timeout(2_000);
  const ended = new Promise<void>((resolve) => late.addEventListener('abort', () => resolve()));
  const going = async () => {
    if (topic) await client.publishAsync(topic, 'offline', { qos: 1, retain: true });
    await client.endAsync();
  };
  await Promise.race([going().catch(() => {}), ended]);
  client.end(true);
};
