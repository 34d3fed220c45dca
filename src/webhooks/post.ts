import { Webhook } from 'standardwebhooks';
import { version } from '../version.ts';

/** How long an answer is waited for, in ms; Standard Webhooks advises 15 to 30 s, and a worker has better to do. */
const answerWithin = 10_000;

/** Bytes of an answer that are read, and kept for whoever looks for the reason of a failure. */
const answerBytes = 4096;

/** A message as it goes out. */
export interface Message {
  readonly url: string;
  /** The same in each attempt: by it a receiver knows what it has had already. */
  readonly id: string;
  readonly body: string;
  /** whsec_…; each of them signs. */
  readonly secrets: readonly string[];
}

/** What came of it. */
export interface Answer {
  /** HTTP status; null: there was no answer. */
  readonly status: number | null;
  /** Why it does not count as delivered, in a sentence without the URL; null: it does. */
  readonly error: string | null;
  /** The first 4 KB of the answer, as text; null: there was none. */
  readonly answer: string | null;
  readonly durationMs: number;
}

/**
 * Posts a message with the headers of Standard Webhooks. Any 2xx counts as delivered. Redirects are not followed: the
 * message is for the address that somebody has entered.
 *
 * @returns always: a failure is told in `error`.
 */
export const post = async ({ url, id, body, secrets }: Message): Promise<Answer> => {
  const begun = performance.now();
  const end = (answer: Omit<Answer, 'durationMs'>): Answer => ({
    ...answer,
    durationMs: performance.now() - begun,
  });
  const now = new Date();
  const patience = AbortSignal.timeout(answerWithin);
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      signal: patience,
      headers: {
        'content-type': 'application/json',
        'user-agent': `watchpost/${version}`,
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
      },
      body,
    });
    const { status } = response;
    return end({ status, error: refusal(status), answer: await readStart(response) });
  } catch (error) {
    const reason = patience.aborted
      ? `There was no answer within ${answerWithin / 1000} s.`
      : `It could not be reached: ${causeOf(error)}.`;
    return end({ status: null, error: reason, answer: null });
  }
};

const refusal = (status: number): string | null => {
  if (status >= 200 && status < 300) return null;
  const redirects =
    status >= 300 && status < 400 ? ' Redirects are not followed: enter the address it leads to.' : '';
  return `It answered ${status}.${redirects}`;
};

/** An answer that does not end, or breaks off, counts by its status all the same. */
const readStart = async (response: Response): Promise<string> => {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  try {
    while (reader && length < answerBytes) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      length += value.length;
    }
  } catch {
    // What came until then is kept.
  }
  await reader?.cancel().catch(() => {});
  const text = new TextDecoder().decode(Buffer.concat(parts).subarray(0, answerBytes));
  return text.replaceAll('\0', '\uFFFD');
};

/** ECONNREFUSED and the like; fetch itself only says that it failed. */
const causeOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error) return ('code' in cause && String(cause.code)) || cause.name;
  return 'unknown';
};
