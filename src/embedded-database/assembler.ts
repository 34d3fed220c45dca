/**
 * Puts a client's messages together into batches that the engine can run in one go, and gives what the
 * client named names of its own in the session that all share.
 *
 * A batch ends with a Query, a Sync, a Flush or a FunctionCall: where a client may wait for an answer.
 * Prepared statements are renamed, `w<client>_<number>`. The unnamed statement is not: a client that uses
 * it without a Parse in the same batch has its last Parse repeated when another client's came between.
 * Portals are not renamed either. They end with their transaction, which no other client can come into,
 * and SQL knows them by the client's name (DECLARE, FETCH).
 */

import { type Effect, inspect } from './inspect.ts';
import {
  closeStatement,
  cstring,
  errorResponse,
  message,
  noticeResponse,
  ProtocolViolation,
  query,
  readCString,
} from './protocol.ts';

/** A client that sends more than this without waiting has its batch run in parts, in bytes. */
const PART_BYTES = 16 * 1024 * 1024;

export interface Batch {
  messages: Buffer[];
  /** sum of the messages' lengths, in bytes */
  size: number;
  effects: Effect[];
  /** what to answer in place of the errors of statements that were refused, see `Reply` */
  substitutes: Map<string, Buffer>;
  /** to be sent before the answer */
  notices: Buffer[];
  /** the engine answers with ReadyForQuery */
  complete: boolean;
  /** the Parse of the unnamed statement that the batch relies on, from an earlier batch */
  unnamedBefore?: Buffer;
  /** the batch leaves the client's own unnamed statement behind, or none */
  unnamedAfter?: 'own' | 'none';
}

interface Prepared {
  name: string;
  effects: Effect[];
}

function emptyBatch(): Batch {
  return { messages: [], size: 0, effects: [], substitutes: new Map(), notices: [], complete: false };
}

let refusals = 0;

export class Assembler {
  /** how the names of this client's statements begin */
  readonly prefix: string;
  readonly #statements = new Map<string, Prepared>();
  #unnamed: { parse: Buffer; effects: Effect[] } | undefined;
  #named = 0;
  #batch = emptyBatch();

  /** @param client a number no other client has had */
  constructor(client: number) {
    this.prefix = `w${client}_`;
  }

  /** Whether the client has ever prepared a statement by name. */
  get hasPrepared(): boolean {
    return this.#named > 0;
  }

  /** The names, in the shared session, of the statements the client may still use. */
  liveNames(): Set<string> {
    return new Set([...this.#statements.values()].map(({ name }) => name));
  }

  /**
   * Takes the client's next message.
   *
   * @returns the batch it completes, if it does
   * @throws {ProtocolViolation} on a message that no client sends at this point
   */
  add(bytes: Buffer): Batch | undefined {
    const type = String.fromCharCode(bytes[0]!);
    const rewritten = this.#rewrite(type, bytes);
    if (rewritten) {
      this.#batch.messages.push(rewritten);
      this.#batch.size += rewritten.length;
    }
    const complete = type === 'Q' || type === 'S' || type === 'F';
    if (!complete && type !== 'H' && this.#batch.size < PART_BYTES) return undefined;
    const batch = this.#batch;
    batch.complete = complete;
    this.#batch = emptyBatch();
    return batch;
  }

  #rewrite(type: string, bytes: Buffer): Buffer | undefined {
    switch (type) {
      case 'Q': {
        this.#unnamed = undefined;
        this.#batch.unnamedAfter = 'none';
        const { text } = readCString(bytes, 5);
        const { sql, effects } = this.#inspect(text);
        this.#addEffects(effects);
        return sql === text ? bytes : query(sql);
      }
      case 'P':
        return this.#parse(bytes);
      case 'B': {
        const portal = readCString(bytes, 5);
        const statement = readCString(bytes, portal.next);
        const prepared = this.#use(statement.text);
        this.#addEffects(prepared.effects);
        if (statement.text === '') return bytes;
        return message('B', cstring(portal.text), cstring(prepared.name), bytes.subarray(statement.next));
      }
      case 'D':
      case 'C': {
        const { text } = readCString(bytes, 6);
        if (bytes[5] !== 'S'.charCodeAt(0)) return bytes;
        const { name } = this.#use(text);
        if (type === 'D') return text === '' ? bytes : message('D', Buffer.from('S'), cstring(name));
        if (text === '') {
          this.#unnamed = undefined;
          this.#batch.unnamedAfter = 'none';
        } else this.#statements.delete(text);
        return closeStatement(name);
      }
      case 'E':
      case 'H':
      case 'S':
      case 'F':
        return bytes;
      case 'd':
      case 'c':
      case 'f':
        // the rest of a COPY that was refused: PostgreSQL drops these too when it is not in one
        return undefined;
      default:
        throw new ProtocolViolation('08P01', `invalid frontend message type ${bytes[0]}`);
    }
  }

  #parse(bytes: Buffer): Buffer {
    const client = readCString(bytes, 5);
    const { text, next } = readCString(bytes, client.next);
    const { sql, effects } = this.#inspect(text);
    const name = client.text === '' ? '' : this.#rename(client.text);
    const unchanged = sql === text && name === client.text;
    const parse = unchanged ? bytes : message('P', cstring(name), cstring(sql), bytes.subarray(next));
    if (client.text === '') {
      this.#unnamed = { parse, effects };
      this.#batch.unnamedAfter = 'own';
    } else this.#statements.get(client.text)!.effects = effects;
    return parse;
  }

  /** The statement a Bind, Describe or Close speaks of; an unknown one too, for the engine to say so. */
  #use(clientName: string): Prepared {
    if (clientName !== '') {
      return this.#statements.get(clientName) ?? { name: `${this.prefix}unknown`, effects: [] };
    }
    if (this.#unnamed && this.#batch.unnamedAfter !== 'own') this.#batch.unnamedBefore = this.#unnamed.parse;
    return { name: '', effects: this.#unnamed?.effects ?? [] };
  }

  #rename = (clientName: string): string => {
    let prepared = this.#statements.get(clientName);
    if (!prepared) {
      prepared = { name: `${this.prefix}${++this.#named}`, effects: [] };
      this.#statements.set(clientName, prepared);
    }
    return prepared.name;
  };

  #inspect(text: string): { sql: string; effects: Effect[] } {
    const found = inspect(text, this.#rename);
    if (!found) return { sql: text, effects: [] };
    if (found.refusal) {
      // A word that is no statement fails before anything of the text has run, and leaves it to the engine
      // to fail the transaction and to skip what is pipelined behind. Only the error's text is replaced.
      const token = `watchpost_refused_${++refusals}_`;
      this.#batch.substitutes.set(token, errorResponse(found.refusal));
      return { sql: token, effects: [] };
    }
    for (const notice of found.notices) {
      this.#batch.notices.push(noticeResponse({ code: '01000', message: notice }));
    }
    return found;
  }

  #addEffects(effects: Effect[]): void {
    this.#batch.effects.push(...effects);
    // at once, not when it has run: the names of the statements prepared behind it are given out now
    if (effects.some(({ kind }) => kind === 'deallocate')) this.#statements.clear();
  }
}
