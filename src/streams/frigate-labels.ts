import type { IncomingMessage } from 'node:http';
import type { Log } from '../log.ts';
import { call, causeOf, type Outgoing } from '../outgoing/index.ts';

/** Somebody who was found in a snapshot. */
interface Found {
  readonly person: string;
  readonly similarity: number;
}

/** Events whose label is remembered, so that each name is sent once. */
const remembered = 1_000;
/** Frigate's limit of a sub-label. */
const mostCharacters = 100;

/** Sends the names of people who were found in snapshots back to Frigate, as the sub-labels of their events. */
export class FrigateLabels {
  readonly #outgoing: Outgoing;
  readonly #log: Log;
  readonly #sent = new Map<string, string>();

  constructor(outgoing: Outgoing, log: Log) {
    this.#outgoing = outgoing;
    this.#log = log;
  }

  /**
   * Names the most similar person of a snapshot. What fails is logged: Frigate may have forgotten the event.
   *
   * @param found the most similar first.
   */
  async send({ event, api }: { event: string; api: string }, [best]: readonly Found[]): Promise<void> {
    if (!best || this.#sent.get(event) === best.person) return;
    const url = `${api.replace(/\/$/, '')}/api/events/${encodeURIComponent(event)}/sub_label`;
    let answer: IncomingMessage | undefined;
    try {
      answer = await call(url, this.#outgoing, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          subLabel: best.person.slice(0, mostCharacters),
          subLabelScore: Math.min(1, Math.round(best.similarity * 1000) / 1000),
        }),
        signal: AbortSignal.timeout(10_000),
      });
      if (answer.statusCode !== 200) throw new Error(`it answers ${answer.statusCode}`);
      this.#sent.set(event, best.person);
      const [oldest] = this.#sent.keys();
      if (this.#sent.size > remembered && oldest !== undefined) this.#sent.delete(oldest);
    } catch (error) {
      this.#log.warn({ event, reason: causeOf(error) }, 'the name was not sent to Frigate');
    } finally {
      answer?.destroy();
    }
  }
}
