import { hc } from 'hono/client';
import type { App } from '../http/app.ts';

/** Where an API is, and with which key to call it. */
export interface Connection {
  /** For example http://127.0.0.1:3000. */
  readonly url: string;
  readonly key: string;
}

/**
 * A client of the API whose calls and answers are typed by its routes:
 * `await client.v1.alerts.$get({ query: { state: 'open' } })` resolves with a Response whose `json()` is typed by its status.
 * Errors are answers too: test `ok`; their body is problem details.
 */
export const createClient = ({ url, key }: Connection) =>
  hc<App>(url, { headers: { authorization: `Bearer ${key}` } });

/** See createClient. */
export type Client = ReturnType<typeof createClient>;
