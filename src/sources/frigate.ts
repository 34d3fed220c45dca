import { createHash } from 'node:crypto';
import { type EventEmitter, on, once } from 'node:events';
import type { MqttClient } from 'mqtt';
import { z } from 'zod';
import { addressesOf, certified, type Outgoing, tlsProblemOf } from '../outgoing/index.ts';
import { reduced } from './reduce.ts';
import { credentialsOf, type Source, SourceError, type SourceSettings } from './source.ts';

/** What is read of an event of Frigate. */
const frigateEvent = z.object({
  after: z.object({
    id: z.string().regex(/^[\w.-]{1,100}$/),
    camera: z.string(),
    label: z.string(),
    frame_time: z.number(),
    snapshot: z.object({ frame_time: z.number() }).nullish(),
  }),
});

type Event = z.output<typeof frigateEvent>['after'];

/** A snapshot belongs to the latest event of its camera, if that was told of so recently. */
const eventFresh = 60_000;

/**
 * The snapshots of people that Frigate publishes by MQTT, each with the id of its event:
 * mqtt://broker/frigate?camera=NAME&api=http://frigate:5000, where `frigate` is Frigate's topic_prefix, `camera` the name of the
 * camera in Frigate, if it has another one there, and `api` where names are sent back to.
 */
export const frigateSource = (text: string): Source => ({
  isLive: true,
  // A snapshot is of an event: the next one may be of somebody else.
  mostHeld: 50,
  async *frames(settings, { outgoing, signal }) {
    const url = new URL(text.replace(/^mqtt/i, 'ws'));
    const prefix = url.pathname.replace(/^\/|\/$/g, '') || 'frigate';
    const camera = url.searchParams.get('camera') ?? settings.camera;
    const api = url.searchParams.get('api') ?? undefined;
    if (camera !== undefined && /[+#/]/.test(camera))
      throw new SourceError('In Frigate no camera has a name with +, # or /.');
    const client = await connect(url, /^mqtts:/i.test(text), settings, outgoing);
    const messages = on(emitter(client), 'message', { signal, close: ['close'] });
    try {
      const topics = [`${prefix}/events`, `${prefix}/${camera ?? '+'}/person/snapshot`];
      await client.subscribeAsync(topics, { qos: 1 });
      const latest = new Map<string, { event: Event; at: number }>();
      for await (const [topic, payload, packet] of messages as AsyncIterable<
        [string, Buffer, { retain: boolean }]
      >) {
        if (topic === topics[0]) {
          const event = eventIn(payload);
          if (event?.label === 'person') latest.set(event.camera, { event, at: Date.now() });
          continue;
        }
        // The broker's copy of one that was published before: nobody knows when.
        if (packet.retain || payload.length === 0) continue;
        const from = topic.slice(prefix.length + 1).split('/')[0] ?? '';
        const known = latest.get(from);
        const event = known && Date.now() - known.at < eventFresh ? known.event : undefined;
        const name = createHash('sha256').update(payload).digest('hex').slice(0, 32);
        yield {
          bytes: await reduced(payload, settings).catch(() => payload),
          capturedAt: timeOf(event),
          id: `frigate ${event?.id ?? from} ${name}`,
          ...(settings.camera === undefined ? { camera: from } : {}),
          ...(event && api !== undefined ? { frigate: { event: event.id, api } } : {}),
        };
      }
      throw new SourceError('The connection to the broker broke.');
    } finally {
      await client.endAsync(true).catch(() => {});
    }
  },
});

/** As what it is: its own type leaves most of that out. */
const emitter = (client: MqttClient): EventEmitter => client as unknown as EventEmitter;

const eventIn = (payload: Buffer): Event | undefined => {
  try {
    return frigateEvent.parse(JSON.parse(payload.toString())).after;
  } catch {
    return undefined;
  }
};

/** When the snapshot was taken, if the clock of Frigate can be believed. */
const timeOf = (event: Event | undefined): Date => {
  const now = Date.now();
  const at = (event?.snapshot?.frame_time ?? event?.frame_time ?? 0) * 1000;
  return new Date(at > now - 3_600_000 && at <= now ? at : now);
};

const connect = async (
  url: URL,
  isSecure: boolean,
  { userinfo }: SourceSettings,
  outgoing: Outgoing,
): Promise<MqttClient> => {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const [address] = await addressesOf(host, isSecure, outgoing);
  const { default: mqtt } = await import('mqtt');
  const { user, password } = credentialsOf(userinfo ?? '');
  const client = mqtt.connect({
    protocol: isSecure ? 'mqtts' : 'mqtt',
    host: address,
    port: Number(url.port) || (isSecure ? 8883 : 1883),
    ...certified(host),
    ...(userinfo === null ? {} : { username: user, password }),
    connectTimeout: 20_000,
    // Whoever opens the source does that.
    reconnectPeriod: 0,
  });
  try {
    const closed = once(emitter(client), 'close').then(() => {
      throw new SourceError('The broker cannot be reached.');
    });
    closed.catch(() => {});
    await Promise.race([once(emitter(client), 'connect'), closed]);
    return client;
  } catch (error) {
    await client.endAsync(true).catch(() => {});
    const refused = error instanceof Error && /not authorized|bad user/i.test(error.message);
    if (refused) throw new SourceError('The broker refuses the user and password, or asks for them.');
    const reason = tlsProblemOf(error);
    throw new SourceError(`The broker cannot be reached${reason ? `: ${reason}` : ''}.`);
  }
};
