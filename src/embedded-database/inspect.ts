/**
 * What a statement would do to the one session that all clients share.
 *
 * Every client of the embedded database speaks to the same backend, so a statement that changes the
 * session, rather than the data, concerns all of them. Such statements are found here in the text the
 * client sends, by their first words, and are
 * - refused: COPY from or to anything but STDOUT. COPY FROM STDIN ends the engine, for it reads on where
 *   there is nothing to read; files and programs are the host's;
 * - rewritten: names of SQL-level prepared statements, which are per client elsewhere; DISCARD ALL,
 *   DEALLOCATE ALL and UNLISTEN, which would hit every client; the settings that end an idle session,
 *   which would end the engine;
 * - or passed on with a note of their effect, so that it can be confined to the client, or undone.
 *
 * What runs inside a function body or a DO block is not seen.
 */

import { fold, statements, type Token } from './tokens.ts';

export type Effect =
  | { kind: 'listen'; channel: string }
  /** without a channel: all of them */
  | { kind: 'unlisten'; channel?: string }
  /** a setting of the session may have changed */
  | { kind: 'settings' }
  /** every prepared statement of the client is gone */
  | { kind: 'deallocate' }
  /** something stays behind in the session that only a general statement clears */
  | { kind: 'residue'; what: Residue };

/** Temporary tables, session advisory locks, cursors that outlive their transaction. */
export type Residue = 'temporary' | 'advisory' | 'cursor';

export interface Inspection {
  /** the text to run in place of the client's */
  sql: string;
  effects: Effect[];
  /** why none of the text may run */
  refusal?: { code: string; message: string; hint: string };
  /** what the client is to be told */
  notices: string[];
}

/** Settings whose effect is a FATAL error, which for a database of one process is the end of it. */
const FATAL_SETTINGS = new Set([
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'transaction_timeout',
  'exit_on_error',
]);

/** Whether setting `name` would sooner or later end the engine. */
export function isFatalSetting(name: string): boolean {
  return FATAL_SETTINGS.has(fold(name));
}

// Nothing but these words can matter, and most statements have none of them: 0.5 µs instead of 8.
const WORTH_A_LOOK =
  /\b(?:copy|(?:un)?listen|set|reset|discard|deallocate|prepare|execute|temp|temporary|hold|set_config)\b|_advisory_|_timeout|exit_on/i;

/** PostgreSQL cuts longer names (NAMEDATALEN - 1). */
const MAX_NAME_BYTES = 63;

const ADVISORY = /^pg_(?:try_)?advisory_lock(?:_shared)?$/;

/** Stands in for a statement that may not reach the engine: harmless in and outside a transaction. */
const NO_OPERATION = 'UNLISTEN watchpost_nobody';

const COPY_REFUSAL = {
  code: '0A000',
  message: 'COPY from or to anything but STDOUT is not supported by the embedded database',
  hint: 'Use INSERT (many rows a statement, or INSERT ... SELECT FROM unnest($1, $2)), or connect to a PostgreSQL server.',
};

/** Collects what is to be done about the statements of one text. */
class Inspector {
  readonly sql: string;
  readonly effects: Effect[] = [];
  readonly notices: string[] = [];
  refusal: Inspection['refusal'];
  readonly #rename: (name: string) => string;
  readonly #edits: { start: number; end: number; text: string }[] = [];

  constructor(sql: string, rename: (name: string) => string) {
    this.sql = sql;
    this.#rename = rename;
  }

  statement(tokens: Token[]): void {
    const [first, second] = tokens;
    const is = (at: number, ...words: string[]) =>
      tokens[at]?.kind === 'word' && words.includes(tokens[at].text);
    if (first?.kind !== 'word') return;
    if (first.text === 'copy') this.#copy(tokens);
    else if (first.text === 'listen' && second) {
      this.effects.push({ kind: 'listen', channel: second.text.slice(0, MAX_NAME_BYTES) });
    } else if (first.text === 'unlisten' && second) {
      const channel = second.kind === 'symbol' ? {} : { channel: second.text };
      this.effects.push({ kind: 'unlisten', ...channel });
      this.#replace(tokens, NO_OPERATION);
    } else if (first.text === 'set') this.#set(tokens);
    else if (first.text === 'reset') this.effects.push({ kind: 'settings' });
    else if (first.text === 'prepare' && !is(1, 'transaction')) this.#renameToken(second);
    else if (first.text === 'execute') this.#renameToken(second);
    else if (first.text === 'deallocate') this.#deallocate(tokens[is(1, 'prepare') ? 2 : 1], tokens);
    else if (first.text === 'discard' && is(1, 'all')) {
      this.effects.push({ kind: 'unlisten' }, { kind: 'deallocate' }, { kind: 'settings' });
      this.#replace(tokens, 'RESET ALL');
    } else if (first.text === 'alter') this.#refuseFatalSetting(tokens);
    this.#anywhere(tokens);
  }

  result(): Inspection {
    let sql = this.sql;
    for (const edit of this.#edits.sort((a, b) => b.start - a.start)) {
      sql = sql.slice(0, edit.start) + edit.text + sql.slice(edit.end);
    }
    const refusal = this.refusal ? { refusal: this.refusal } : {};
    return { sql, effects: this.effects, notices: this.notices, ...refusal };
  }

  #anywhere(tokens: Token[]): void {
    for (const [at, { kind, text }] of tokens.entries()) {
      if (kind !== 'word' && kind !== 'name') continue;
      const before = tokens[at - 1]?.text;
      if (ADVISORY.test(text)) this.effects.push({ kind: 'residue', what: 'advisory' });
      else if (text === 'set_config') {
        this.effects.push({ kind: 'settings' });
        this.#refuseFatalSetting(tokens);
      } else if (
        kind === 'word' &&
        /^temp(?:orary)?$/.test(text) &&
        /^(?:create|local|global|into)$/.test(before ?? '')
      ) {
        this.effects.push({ kind: 'residue', what: 'temporary' });
      } else if (kind === 'word' && text === 'hold' && tokens[0]!.text === 'declare') {
        this.effects.push({ kind: 'residue', what: 'cursor' });
      } else if (kind === 'word' && text === 'execute' && at > 0) {
        // EXPLAIN EXECUTE and CREATE TABLE AS EXECUTE; not GRANT EXECUTE, nor a trigger's EXECUTE FUNCTION
        if (tokens[0]!.text === 'explain' || before === 'as') this.#renameToken(tokens[at + 1]);
      }
    }
  }

  #copy(tokens: Token[]): void {
    let depth = 0;
    for (const [at, { kind, text }] of tokens.entries()) {
      if (text === '(' && kind === 'symbol') depth++;
      else if (text === ')' && kind === 'symbol') depth--;
      else if (kind === 'word' && depth === 0 && text === 'to' && tokens[at + 1]?.text === 'stdout') return;
    }
    this.refusal = COPY_REFUSAL;
  }

  #set(tokens: Token[]): void {
    const word = tokens[1]?.text;
    if (word === 'transaction' || word === 'constraints') return;
    const scoped = word === 'local' || word === 'session';
    const name = tokens[scoped ? 2 : 1];
    if (name && isFatalSetting(name.text)) {
      this.#edits.push({ start: name.start, end: name.end, text: `watchpost.ignored_${fold(name.text)}` });
      this.notices.push(`${fold(name.text)} is ignored by the embedded database, which has its own limit`);
    } else if (word !== 'local') this.effects.push({ kind: 'settings' });
  }

  #deallocate(name: Token | undefined, tokens: Token[]): void {
    if (name?.kind === 'word' && name.text === 'all') {
      this.effects.push({ kind: 'deallocate' });
      this.#replace(tokens, NO_OPERATION);
    } else this.#renameToken(name);
  }

  #refuseFatalSetting(tokens: Token[]): void {
    const text = this.sql.slice(tokens[0]!.start, tokens.at(-1)!.end).toLowerCase();
    const name = [...FATAL_SETTINGS].find((setting) => text.includes(setting));
    if (!name) return;
    this.refusal = {
      code: '0A000',
      message: `${name} is not supported by the embedded database`,
      hint: 'It ends the session, and here all clients share one. A limit on idle transactions is always set.',
    };
  }

  #renameToken(token: Token | undefined): void {
    if (token?.kind !== 'word' && token?.kind !== 'name') return;
    this.#edits.push({ start: token.start, end: token.end, text: this.#rename(token.text) });
  }

  #replace(tokens: Token[], text: string): void {
    this.#edits.push({ start: tokens[0]!.start, end: tokens.at(-1)!.end, text });
  }
}

/**
 * Inspects a text of one or more statements.
 *
 * @param sql the text as latin1, each byte a character
 * @param rename gives a prepared statement's name in the shared session for the client's name of it
 * @returns undefined if the text concerns nothing but data and runs as it is
 */
export function inspect(sql: string, rename: (name: string) => string): Inspection | undefined {
  if (!WORTH_A_LOOK.test(sql)) return undefined;
  const inspector = new Inspector(sql, rename);
  for (const tokens of statements(sql)) inspector.statement(tokens);
  return inspector.result();
}
