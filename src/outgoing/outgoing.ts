import type { Network } from './networks.ts';

/** How other servers are called: one guard for webhooks, photos by URL and whatever else leaves this system. */
export interface Outgoing {
  /** Networks that may be called although they are not public, and over plain http: WATCHPOST_OUTGOING_ALLOW. */
  readonly networks: readonly Network[];
  /** The addresses of a name; the system's resolver unless given. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** The address at which people reach this installation, for links in messages; undefined: messages have none. */
  readonly publicUrl?: string | undefined;
  /** Makes a span of a message that is sent, and gives the headers by which the receiver can go on with the trace. */
  readonly traced?: <T>(
    url: string,
    send: (headers: Readonly<Record<string, string>>) => Promise<T>,
  ) => Promise<T>;
}

/** Only public addresses, by https. */
export const publicOnly: Outgoing = { networks: [] };
