import type { Outgoing } from '../outgoing/index.ts';

/** The protocols; celery is RabbitMQ with tasks of Celery as messages. */
export const bridgeKinds = ['kafka', 'rabbitmq', 'nats', 'mqtt', 'celery'] as const;

/** A row of watchpost.bridge, as the process that holds its lease gets it. */
export interface Bridge {
  readonly id: string;
  /** Null: all sites. */
  readonly site_id: string | null;
  readonly name: string;
  readonly kind: (typeof bridgeKinds)[number];
  readonly direction: 'in' | 'out';
  readonly url: string;
  readonly address: string;
  readonly topics: readonly string[];
  readonly mode: 'structured' | 'binary';
  /** In: the id of the camera of photos that name none. */
  readonly camera: string | null;
}

/** How a bridge logs in. */
export interface Credentials {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
}

/** What a broker is connected with. */
export interface Target {
  readonly bridge: Bridge;
  readonly credentials: Credentials;
  readonly outgoing: Outgoing;
  /** The most bytes of a message. */
  readonly maxBytes: number;
}

/** A message to be published. */
export interface Message {
  /** Where to: the bridge's address with the event's values in place of {topic}, {camera} and {site}. */
  readonly address: string;
  /** Messages with the same key stay in order: the camera. */
  readonly key: string;
  /** Of the event. */
  readonly id: string;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** A message that came in. */
export interface Received {
  /** The id that its sender or the broker gave it, the same when it is delivered again; undefined: none. */
  readonly id: string | undefined;
  /** Where it lay: topic/partition/offset, for example. For people. */
  readonly place: string;
  readonly contentType: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The camera that its place names; undefined: none. */
  readonly camera?: string | undefined;
  /** Why it can be no photo, in a sentence; undefined: it may be one. */
  readonly invalid?: string;
}

/** What became of a message: the id of its image, or why there is none. */
export type Outcome = { readonly image: string } | { readonly code: string; readonly reason: string };

/** Does with a message what there is to do. Resolves when it may be acknowledged; rejects if it has to come again. */
export type Handle = (message: Received) => Promise<Outcome>;

/** A connection to a broker. */
export interface Link {
  /** Publishes messages in this order. Resolves when the broker has confirmed all of them. */
  publish(messages: readonly Message[]): Promise<void>;
  /** Begins to hand in the messages of the bridge's address; each is acknowledged once it is handled. */
  consume(handle: Handle): Promise<void>;
  /** Rejects when the connection is lost, or a message could not be handled. */
  readonly lost: Promise<never>;
  /** Never rejects. */
  close(): Promise<void>;
}

/** Connects to a broker of one kind. */
export type Connect = (target: Target) => Promise<Link>;
