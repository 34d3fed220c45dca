/**
 * Collects a client's messages into batches that the engine runs at once, and renames its prepared statements.
 *
 * A batch ends where a client may wait for an answer: with a Query, Sync, Flush or FunctionCall. Prepared statements get
 * names that are unique in the shared session, `w<client>_<number>`. The unnamed statement is not renamed: a client that
 * uses it without a Parse in the same batch has its last Parse repeated if another client's came between. Portals are not
 * renamed either: they end with their transaction, during which no other client is served, and SQL refers to them by the
 * client's name (DECLARE, FETCH).
 */

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
import { type Effect, inspectStatements } from './statement-effects.ts';

/** If a client sends more bytes than this without waiting, its batch is run in parts. */
const partBytes = 16 * 1024 * 1024;

export interface MessageBatch {
  messages: Buffer[];
  /** Bytes of all messages. */
  size: number;
  effects: Effect[];
  /** Errors to send in place of those of refused statements, by what the engine's error contains: see `Reply`. */
  substitutes: Map<string, Buffer>;
  /** Sent before the answer. */
  notices: Buffer[];
  /** Whether the engine answers with ReadyForQuery. */
  complete: boolean;
  /** The Parse, in an earlier batch, of the unnamed statement that this batch uses. */
  unnamedBefore?: Buffer;
  /** The unnamed statement afterwards: the client's own, or none; undefined: as before. */
  unnamedAfter?: 'own' | 'none';
}

interface Prepared {
  name: string;
  effects: Effect[];
}

const emptyBatch = (): MessageBatch => ({
  messages: [],
  size: 0,
  effects: [],
  substitutes: new Map(),
  notices: [],
  complete: false,
});

let refusals = 0;

export class BatchBuilder {
  /** The beginning of the names of this client's statements. */
  readonly prefix: string;
  readonly #statements = new Map<string, Prepared>();
  #unnamed: { parse: Buffer; effects: Effect[] } | undefined;
  #named = 0;
  #batch = emptyBatch();

  /** @param client a number that no other client has had. */
  constructor(client: number) {
    this.prefix = `w${client}_`;
  }

  /** Whether the client has ever prepared a statement by name. */
  get hasPrepared(): boolean {
    return this.#named > 0;
  }

  /** The names, in the shared session, of the statements that the client may still use. */
  liveNames(): Set<string> {
    return new Set([...this.#statements.values()].map(({ name }) => name));
  }

  /**
   * Adds the client's next message.
   *
   * @returns the batch that it completes, if any.
   * @throws {ProtocolViolation} on a message that is not valid at this point.
   */
  add(bytes: Buffer): MessageBatch | undefined {
    const type = String.fromCharCode(bytes[0]!);
    const rewritten = this.#rewrite(type, bytes);
    if (rewritten) {
      this.#batch.messages.push(rewritten);
      this.#batch.size += rewritten.length;
    }
    const complete = type === 'Q' || type === 'S' || type === 'F';
    if (!complete && type !== 'H' && this.#batch.size < partBytes) return undefined;
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
        // The data of a COPY that was refused. PostgreSQL drops these messages too when no COPY is running.
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

  /** The statement of a Bind, Describe or Close. One that does not exist gets a name that the engine does not know. */
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
    const found = inspectStatements(text, this.#rename);
    if (!found) return { sql: text, effects: [] };
    if (found.refusal) {
      // A word that is no statement is a syntax error, raised before anything of the text runs. So the engine itself
      // fails the transaction and skips what is pipelined behind it, and only the text of the error is replaced.
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
    // Now and not when it has run: statements that are prepared after it get their names before that.
    if (effects.some(({ kind }) => kind === 'deallocate')) this.#statements.clear();
  }
}
