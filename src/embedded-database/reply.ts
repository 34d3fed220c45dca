/**
 * Reads what the engine answers to one batch of messages, as it comes, and decides what of it the client sees.
 *
 * Most of an answer is passed through untouched, in pieces as large as they came: a row is never cut out
 * and never copied. Held back are notifications (they go to whoever listens) and the final ReadyForQuery
 * (notifications for the client itself go before it).
 */

import { readCString, readReportField } from './protocol.ts';

export interface Notification {
  channel: string;
  payload: string;
}

const [PARSED, NOTIFICATION, COMPLETE, ERROR, PARAMETER, READY] = [...'1ACESZ'].map((c) => c.charCodeAt(0));
const WATCHED = new Set([PARSED, NOTIFICATION, COMPLETE, ERROR, PARAMETER, READY]);
const NOTHING = Buffer.alloc(0);

export class Reply {
  /** what the client gets, in order, without the ReadyForQuery */
  readonly pieces: Buffer[] = [];
  readonly notifications: Notification[] = [];
  /** a statement failed */
  failed = false;
  /** a transaction was rolled back, by ROLLBACK or by the COMMIT of a failed one */
  rolledBack = false;
  /** a setting that the engine reports has changed */
  parameterChanged = false;
  /** of the last ReadyForQuery: I idle, T in a transaction, E in a failed one; undefined if there was none */
  status: 'I' | 'T' | 'E' | undefined;

  readonly #substitutes: ReadonlyMap<string, Buffer>;
  #dropParsed: boolean;
  #rest: Buffer = NOTHING;
  #passing = 0;

  /**
   * @param substitutes ErrorResponses to send in place of an error whose message contains their key
   * @param dropParsed the batch begins with a Parse the client does not know of: drop its ParseComplete
   */
  constructor(substitutes: ReadonlyMap<string, Buffer> = new Map(), dropParsed = false) {
    this.#substitutes = substitutes;
    this.#dropParsed = dropParsed;
  }

  /** Takes the next bytes of the answer. They must not change afterwards. */
  push(chunk: Buffer): void {
    const data = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = Math.min(this.#passing, data.length);
    this.#passing -= at;
    let from = 0;
    const passUpTo = (end: number) => {
      if (end > from) this.pieces.push(data.subarray(from, end));
    };
    while (data.length - at >= 5) {
      const end = at + 1 + data.readUInt32BE(at + 1);
      if (!WATCHED.has(data[at])) {
        this.#passing = Math.max(0, end - data.length);
        at = Math.min(end, data.length);
        continue;
      }
      if (end > data.length) break;
      const shown = this.#watch(data.subarray(at, end));
      if (shown !== true) {
        passUpTo(at);
        if (shown) this.pieces.push(shown);
        from = end;
      }
      at = end;
    }
    passUpTo(at);
    this.#rest = data.subarray(at);
  }

  /** True to pass the message on, false to drop it, or what to send in its place. */
  #watch(bytes: Buffer): boolean | Buffer {
    switch (bytes[0]) {
      case PARSED: {
        const drop = this.#dropParsed;
        this.#dropParsed = false;
        return !drop;
      }
      case NOTIFICATION: {
        const channel = readCString(bytes, 9);
        const payload = readCString(bytes, channel.next).text;
        this.notifications.push({ channel: channel.text, payload });
        return false;
      }
      case COMPLETE:
        // ROLLBACK TO SAVEPOINT has the same tag and leaves the transaction open: the status tells them apart
        if (readCString(bytes, 5).text === 'ROLLBACK') this.rolledBack = true;
        return true;
      case ERROR: {
        this.failed = true;
        this.#dropParsed = false;
        const text = readReportField(bytes, 'M') ?? '';
        for (const [token, substitute] of this.#substitutes) if (text.includes(token)) return substitute;
        return true;
      }
      case PARAMETER:
        this.parameterChanged = true;
        return true;
      default:
        this.status = String.fromCharCode(bytes[5]!) as 'I' | 'T' | 'E';
        return false;
    }
  }
}
