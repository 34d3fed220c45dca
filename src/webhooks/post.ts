import { Webhook } from 'standardwebhooks';
import { WatchpostError } from '../errors.ts';
import { call, causeOf, type Outgoing } from '../outgoing/index.ts';

/** How long to wait for a response, in ms. Standard Webhooks advises 15 to 30 s; shorter, because a worker waits. */
const answerWithin = 10_000;

/** A message to send. */
interface Message {
  readonly url: string;
  /** The same in each attempt, so that the receiver recognises repetitions. */
  readonly id: string;
  readonly body: string;
  /** whsec_…; each of them signs. */
  readonly secrets: readonly string[];
}

/** What came of it. Without the body of the response: who may enter a URL could read other servers through it. */
export interface EndpointAnswer {
  /** HTTP status; null if there was no response. */
  readonly status: number | null;
  /** Why the message does not count as delivered, in a sentence without the URL; null if it does. */
  readonly error: string | null;
  readonly durationMs: number;
}

/**
 * Posts a message with the headers of Standard Webhooks. Any 2xx status counts as delivered. Redirects are not
 * followed: the message is only for the address that was entered.
 *
 * @returns also after a failure, which is in `error`.
 */
export const post = async (
  { url, id, body, secrets }: Message,
  outgoing: Outgoing,
): Promise<EndpointAnswer> => {
  const begun = performance.now();
  const end = (answer: Omit<EndpointAnswer, 'durationMs'>): EndpointAnswer => ({
    ...answer,
    durationMs: performance.now() - begun,
  });
  const now = new Date();
  const patience = AbortSignal.timeout(answerWithin);
  try {
    const send = (headers: Readonly<Record<string, string>>) =>
      call(url, outgoing, {
        method: 'POST',
        signal: patience,
        headers: {
          ...headers,
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
          'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
        },
        body,
      });
    const response = await (outgoing.traced ? outgoing.traced(url, send) : send({}));
    // The status counts, also of a response that is endless or breaks off.
    response.destroy();
    const status = response.statusCode as number;
    return end({ status, error: refusal(status) });
  } catch (error) {
    return end({ status: null, error: whyNotReached(error, patience.aborted) });
  }
};

const whyNotReached = (error: unknown, late: boolean): string => {
  if (late) return `There was no answer within ${answerWithin / 1000} s.`;
  if (error instanceof WatchpostError) return [error.message, error.hint].filter(Boolean).join(' ');
  return `It could not be reached: ${causeOf(error)}.`;
};

const refusal = (status: number): string | null => {
  if (status >= 200 && status < 300) return null;
  const redirects =
    status >= 300 && status < 400 ? ' Redirects are not followed: enter the address it leads to.' : '';
  return `It answered ${status}.${redirects}`;
};
