import { WatchpostError } from '../../errors.ts';
import { causeOf, type Outgoing } from '../../outgoing/index.ts';
import { asking } from './ask.ts';
import { discord } from './discord.ts';
import { email } from './email.ts';
import type { Kind, KindName, Message, Receiver } from './kind.ts';
import { matrix } from './matrix.ts';
import { mqtt } from './mqtt.ts';
import { NotTaken } from './not-taken.ts';
import { ntfy } from './ntfy.ts';
import { pagerduty } from './pagerduty.ts';
import { slack } from './slack.ts';
import { telegram } from './telegram.ts';
import { webhook } from './webhook.ts';

/** What an endpoint may be. */
export const kinds: Readonly<Record<KindName, Kind>> = {
  webhook,
  slack,
  discord,
  telegram,
  ntfy,
  email,
  pagerduty,
  matrix,
  mqtt,
};

/** How long an attempt may take, in ms: Standard Webhooks advises 15 to 30 s; shorter, because a worker waits. Pictures take longer. */
const patienceMs = (kind: KindName): number => (kind === 'webhook' ? 10_000 : 20_000);

/** What came of it. Of what the receiver wrote, only what its service says is wrong: who may enter a URL could read other servers. */
export interface EndpointAnswer {
  /** Status of HTTP or SMTP; null if there was no response, or the protocol has none. */
  readonly status: number | null;
  /** Why the message does not count as delivered, in a sentence without the URL; null if it does. */
  readonly error: string | null;
  readonly durationMs: number;
  /** Seconds after which the receiver wants to be called again, if it says so. */
  readonly retryAfter?: number | undefined;
}

/**
 * Sends a message once. Redirects are not followed: the message is only for the address that was entered.
 *
 * @returns also after a failure, which is in `error`.
 */
export const send = async (
  kind: KindName,
  message: Message,
  receiver: Receiver,
  outgoing: Outgoing,
): Promise<EndpointAnswer> => {
  const begun = performance.now();
  const signal = AbortSignal.timeout(patienceMs(kind));
  try {
    const status = await kinds[kind].send(message, receiver, {
      outgoing,
      signal,
      ask: asking(outgoing, signal),
    });
    return { status, error: null, durationMs: performance.now() - begun };
  } catch (error) {
    const durationMs = performance.now() - begun;
    if (error instanceof NotTaken) {
      const { status, message, retryAfter } = error;
      return { status, error: hide(message, receiver), durationMs, ...(retryAfter ? { retryAfter } : {}) };
    }
    const late = `There was no answer within ${patienceMs(kind) / 1000} s.`;
    return { status: null, error: signal.aborted ? late : whyNotReached(error), durationMs };
  }
};

/** A service may repeat what it was sent. */
const hide = (words: string, { credential }: Receiver): string =>
  credential ? words.replaceAll(credential, '***') : words;

const whyNotReached = (error: unknown): string => {
  if (error instanceof WatchpostError) return [error.message, error.hint].filter(Boolean).join(' ');
  return `It could not be reached: ${causeOf(error)}.`;
};
