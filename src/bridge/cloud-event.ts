import type { Bridge, Message } from './bridge.ts';

/** An event of the record, with where it happened. */
export interface BridgeEvent {
  readonly id: string;
  /** The transaction of the record that wrote it. */
  readonly xid: string;
  readonly topic: string;
  readonly subject_id: string;
  readonly payload: Record<string, unknown>;
  readonly created_at: Date;
  readonly site_id: string | null;
  readonly camera_id: string | null;
  readonly camera: string | null;
}

/** The attributes of a CloudEvent 1.0: https://github.com/cloudevents/spec. docs/bridges.md has their JSON Schema. */
export interface CloudEventAttributes {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: string;
  readonly subject: string;
  readonly datacontenttype: 'application/json';
  readonly partitionkey: string;
  readonly camera?: string;
}

/** What headers of the attributes begin with in binary mode, by the protocol bindings of CloudEvents. */
const headerPrefix: Record<Bridge['kind'], string> = {
  kafka: 'ce_',
  rabbitmq: 'cloudEvents_',
  celery: 'cloudEvents_',
  nats: 'ce-',
  mqtt: '',
};

/** Messages with the same key stay in order: the camera, or else the row that the event is about. */
const keyOf = ({ camera_id, subject_id }: BridgeEvent): string => camera_id ?? subject_id;

/** An event as a CloudEvent, without its data. */
export const attributesOf = (event: BridgeEvent): CloudEventAttributes => ({
  specversion: '1.0',
  id: event.id,
  source: [event.site_id && `/sites/${event.site_id}`, event.camera_id && `/cameras/${event.camera_id}`]
    .map((part) => part ?? '')
    .join('')
    // A source may not be empty.
    .replace(/^$/, '/'),
  type: `watchpost.${event.topic}.v1`,
  time: event.created_at.toISOString(),
  subject: event.subject_id,
  datacontenttype: 'application/json',
  partitionkey: keyOf(event),
  ...(event.camera === null ? {} : { camera: event.camera }),
});

/** An address with the values of an event. What a broker reads as a part of its own syntax becomes _. */
export const addressOf = (template: string, { topic, camera, camera_id, site_id }: BridgeEvent): string =>
  template.replace(/\{(topic|camera|site)\}/g, (_, name: 'topic' | 'camera' | 'site') => {
    if (name === 'topic') return topic;
    const value = name === 'camera' ? (camera ?? camera_id) : site_id;
    return (value ?? 'none').replace(/[^\p{L}\p{N}_-]+/gu, '_');
  });

/** An event as a message, in the mode of the bridge. */
export const encode = (bridge: Bridge, event: BridgeEvent): Message => {
  const attributes = attributesOf(event);
  const message = { address: addressOf(bridge.address, event), key: keyOf(event), id: event.id };
  if (bridge.mode === 'structured') {
    return {
      ...message,
      contentType: 'application/cloudevents+json; charset=UTF-8',
      headers: {},
      body: Buffer.from(JSON.stringify({ ...attributes, data: event.payload })),
    };
  }
  const { datacontenttype, ...others } = attributes;
  const headers = Object.entries(others).map(([name, value]) => [
    `${headerPrefix[bridge.kind]}${name}`,
    headerValue(value),
  ]);
  return {
    ...message,
    contentType: datacontenttype,
    headers: Object.fromEntries(headers),
    body: Buffer.from(JSON.stringify(event.payload)),
  };
};

/** As the HTTP binding says it: what is no visible ASCII, " and % are written as %XX. NATS takes no other headers. */
const headerValue = (value: string): string =>
  value.replace(/[^\x21-\x7e ]|["%]/gu, (character) =>
    [...Buffer.from(character)]
      .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
      .join(''),
  );
