import type { z } from 'zod';
import type { Outgoing } from '../../outgoing/index.ts';
import type { Ask } from './ask.ts';

/** The names of the kinds, as in endpoint.kind. */
export const kindNames = [
  'webhook',
  'slack',
  'discord',
  'telegram',
  'ntfy',
  'email',
  'pagerduty',
  'matrix',
  'mqtt',
] as const;
export type KindName = (typeof kindNames)[number];

/** The crop of a face. */
export interface Picture {
  readonly bytes: Buffer;
  readonly type: 'image/png' | 'image/jpeg';
  /** A signed link to it, for services that fetch pictures themselves. */
  readonly url: string | undefined;
}

/** What is to be said. */
export interface Message {
  /** The same in each attempt, so that a receiver that can recognises repetitions. */
  readonly id: string;
  /** JSON: {type, timestamp, data}. */
  readonly body: string;
  /** alert.raised, for example. */
  readonly type: string;
  readonly severity: 'info' | 'warning' | 'critical';
  /** What messages about the same thing have in common: the alert's id. */
  readonly about: string;
  /** What has become of the alert: trigger, unless it was acknowledged, or decided or withdrawn. */
  readonly action: 'trigger' | 'acknowledge' | 'resolve';
  /** A signed link that expires; undefined: WATCHPOST_PUBLIC_URL is not set, or it is about no alert. */
  readonly link: string | undefined;
  readonly picture: Picture | undefined;
  /** Title and text, with all that comes from elsewhere escaped by the function. */
  write(escaping?: (text: string) => string): { readonly title: string; readonly text: string };
}

/** Where it is to be said. */
export interface Receiver {
  readonly url: string;
  readonly settings: Readonly<Record<string, string>>;
  /** A token, password or key. */
  readonly credential: string | undefined;
  /** whsec_…; each of them signs. Of a webhook. */
  readonly secrets: readonly string[];
}

/** What a kind sends with. */
export interface Sending {
  readonly outgoing: Outgoing;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Calls HTTP. */
  readonly ask: Ask;
}

/** A kind of endpoint. */
export interface Kind {
  /** What it is told beside the address, as watchpost.is_endpoint_settings has it. */
  readonly settings: z.ZodType<Readonly<Record<string, string | undefined>>>;
  /** Whether it needs a token, a password or a key. */
  readonly credential: 'none' | 'optional' | 'required';
  /** The address where there is one only. */
  readonly usualUrl?: string;
  /** Whether its URL is that of another protocol than HTTP. */
  readonly scheme?: 'smtp' | 'mqtt';
  /** Whether the crop is read for it. */
  readonly hasPicture: boolean;
  /**
   * Sends a message once.
   *
   * @returns the status by which it was accepted; null: the protocol has none.
   * @throws {NotTaken} what the service answered; any other error: it could not be reached.
   */
  send(message: Message, receiver: Receiver, sending: Sending): Promise<number | null>;
}
