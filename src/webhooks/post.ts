import { Webhook } from 'standardwebhooks';
import { version } from '../version.ts';

/** How long to wait for a response, in ms. Standard Webhooks advises 15 to 30 s; shorter, because a worker waits. */
const answerWithin = 10_000;

/** Bytes of a response that are read, and stored to show the reason of a failure. */
const answerBytes = 4096;

/** A message to send. */
interface Message {
  readonly url: string;
  /** The same in each attempt, so that the receiver recognises repetitions. */
  readonly id: string;
  readonly body: string;
  /** whsec_…; each of them signs. */
  readonly secrets: readonly string[];
}

/** The response. */
export interface EndpointAnswer {
  /** HTTP status; null if there was no response. */
  readonly status: number | null;
  /** Why the message does not count as delivered, in a sentence without the URL; null if it does. */
  readonly error: string | null;
  /** The first 4 KB of the response, as text; null if there was none. */
  readonly answer: string | null;
  readonly durationMs: number;
}

/**
 * Posts a message with the headers of Standard Webhooks. Any 2xx status counts as delivered. Redirects are not
 * followed: the message is only for the address that was entered.
 *
 * @returns also after a failure, which is in `error`.
 */
export const post = async ({ url, id, body, secrets }: Message): Promise<EndpointAnswer> => {
  const begun = performance.now();
  const end = (answer: Omit<EndpointAnswer, 'durationMs'>): EndpointAnswer => ({
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

/** Reads the beginning of a response; one that is endless or breaks off still counts by its status. */
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
    // The part that was read is kept.
  }
  await reader?.cancel().catch(() => {});
  const text = new TextDecoder().decode(Buffer.concat(parts).subarray(0, answerBytes));
  return text.replaceAll('\0', '\uFFFD');
};

/** The cause of a failed fetch, such as ECONNREFUSED or `bad port`; its own message only says that it failed. */
const causeOf = (error: unknown): string => {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error)
    return ('code' in cause && String(cause.code)) || cause.message.split('\n', 1)[0] || cause.name;
  return 'unknown';
};
