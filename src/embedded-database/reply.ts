/**
 * Reads the engine's answer to one batch and decides what of it the client gets.
 *
 * Most of an answer is passed on unchanged and in the pieces in which it came, without copying rows. Notifications are held
 * back, because they go to those who listen, and so is the last ReadyForQuery, because the client's own notifications go
 * before it.
 */

import { readCString, readReportField } from './protocol.ts';

export interface Notification {
  channel: string;
  payload: string;
}

const [parsed, notification, complete, error, parameter, ready] = [...'1ACESZ'].map((c) => c.charCodeAt(0));
const watched = new Set([parsed, notification, complete, error, parameter, ready]);
const nothing = Buffer.alloc(0);

export class Reply {
  /** What the client gets, in order, without the last ReadyForQuery. */
  readonly pieces: Buffer[] = [];
  readonly notifications: Notification[] = [];
  /** A statement failed. */
  failed = false;
  /** A transaction was rolled back, by ROLLBACK or by the COMMIT of a failed one. */
  rolledBack = false;
  /** A setting that the engine reports has changed. */
  parameterChanged = false;
  /** Status of the last ReadyForQuery: I idle, T in a transaction, E in a failed one; undefined if there was none. */
  status: 'I' | 'T' | 'E' | undefined;

  readonly #substitutes: ReadonlyMap<string, Buffer>;
  #dropParsed: boolean;
  #rest: Buffer = nothing;
  #passing = 0;

  /**
   * @param substitutes ErrorResponses to send in place of an error whose message contains their key.
   * @param dropParsed the batch begins with a Parse that the client did not send: drop its ParseComplete.
   */
  constructor(substitutes: ReadonlyMap<string, Buffer> = new Map(), dropParsed = false) {
    this.#substitutes = substitutes;
    this.#dropParsed = dropParsed;
  }

  /** Adds the next bytes of the answer, which must not change afterwards. */
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
      if (!watched.has(data[at])) {
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

  /** @returns true to pass the message on, false to drop it, or what to send in its place. */
  #watch(bytes: Buffer): boolean | Buffer {
    switch (bytes[0]) {
      case parsed: {
        const drop = this.#dropParsed;
        this.#dropParsed = false;
        return !drop;
      }
      case notification: {
        const channel = readCString(bytes, 9);
        const payload = readCString(bytes, channel.next).text;
        this.notifications.push({ channel: channel.text, payload });
        return false;
      }
      case complete:
        // ROLLBACK TO SAVEPOINT has the same tag but leaves the transaction open: `status` distinguishes the two.
        if (readCString(bytes, 5).text === 'ROLLBACK') this.rolledBack = true;
        return true;
      case error: {
        this.failed = true;
        this.#dropParsed = false;
        const text = readReportField(bytes, 'M') ?? '';
        for (const [token, substitute] of this.#substitutes) if (text.includes(token)) return substitute;
        return true;
      }
      case parameter:
        this.parameterChanged = true;
        return true;
      default:
        this.status = String.fromCharCode(bytes[5]!) as 'I' | 'T' | 'E';
        return false;
    }
  }
}
