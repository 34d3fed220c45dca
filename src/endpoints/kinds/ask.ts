import type { IncomingMessage } from 'node:http';
import { call, type Outgoing } from '../../outgoing/index.ts';
import { NotTaken } from './not-taken.ts';

/** Most bytes of an answer that are read. */
const mostBytes = 65_536;

/** Most characters of what a service says that are kept. */
const mostWords = 200;

interface Asked {
  readonly method?: 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body: object | string | Uint8Array;
  /** The field of a JSON answer that says what is wrong. Nothing else of an answer is kept or shown. */
  readonly says?: string;
}

// biome-ignore lint/suspicious/noExplicitAny: each service answers in its own form, of which single fields are read.
type Json = any;

/**
 * Calls a service.
 *
 * @returns its status, 2xx, and its answer if that is JSON.
 * @throws {NotTaken} with another status.
 */
export type Ask = (url: string, asked: Asked) => Promise<{ readonly status: number; readonly json: Json }>;

/** How a service is called within one attempt. */
export const asking =
  (outgoing: Outgoing, signal: AbortSignal): Ask =>
  async (url, { method = 'POST', headers = {}, body, says }) => {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const send = (traced: Readonly<Record<string, string>>) =>
      call(url, outgoing, {
        method,
        signal,
        headers: { ...traced, ...(isRaw ? {} : { 'content-type': 'application/json' }), ...headers },
        body: isRaw ? body : JSON.stringify(body),
      });
    const response = await (outgoing.traced ? outgoing.traced(url, send) : send({}));
    const status = response.statusCode as number;
    const isTaken = status >= 200 && status < 300;
    // What nobody reads may be endless.
    const json = isTaken || says ? await readJson(response) : undefined;
    response.destroy();
    if (!isTaken) throw refusal(status, says && json?.[says], response.headers['retry-after'], json);
    return { status, json };
  };

/** What a service says, on one line. */
export const wordsOf = (said: unknown): string =>
  typeof said === 'string' && said.trim() !== ''
    ? ` It said: ${said
        .replace(/\p{Cc}+/gu, ' ')
        .trim()
        .slice(0, mostWords)}`
    : '';

const refusal = (status: number, said: unknown, header: string | undefined, json: Json): NotTaken => {
  const redirects =
    status >= 300 && status < 400 ? ' Redirects are not followed: enter the address it leads to.' : '';
  // Telegram and Discord have it in the answer.
  const seconds = [header, json?.parameters?.retry_after, json?.retry_after]
    .map(secondsOf)
    .find((one) => one);
  return new NotTaken(
    status,
    `It answered ${status}.${redirects}${wordsOf(said)}`,
    status === 429 || status === 503 ? seconds : undefined,
  );
};

/** Seconds from now, of a number or a date. */
const secondsOf = (given: unknown): number | undefined => {
  if (given === undefined || given === null) return undefined;
  const seconds = Number.isFinite(Number(given))
    ? Number(given)
    : (Date.parse(String(given)) - Date.now()) / 1000;
  return seconds > 0 ? seconds : undefined;
};

const readJson = async (response: IncomingMessage): Promise<Json> => {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of response) {
      bytes += part.length;
      if (bytes > mostBytes) return undefined;
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    // The status counts, also of an answer that breaks off.
    return undefined;
  }
};
