/**
 * Finds what a statement would do to the session that all clients share, by its first words.
 *
 * A statement that changes the session rather than data would affect every client. Such statements are
 * - refused: COPY, except to STDOUT. COPY FROM STDIN ends the engine, which reads where there is nothing to read; files and
 *   programs would be those of the host;
 * - rewritten: names of prepared statements in SQL, which belong to one client in a real server; DISCARD ALL, DEALLOCATE
 *   ALL and UNLISTEN, which would affect every client; settings that end an idle session, which would end the engine;
 * - or passed on with a note of their effect, so that it can be kept to the client or undone.
 *
 * What runs inside a function body or a DO block is not seen.
 */

import { fold, statements, type Token } from './sql-tokens.ts';

export type Effect =
  | { kind: 'listen'; channel: string }
  /** Without a channel: all of them. */
  | { kind: 'unlisten'; channel?: string }
  /** A setting of the session may have changed. */
  | { kind: 'settings' }
  /** All prepared statements of the client are gone. */
  | { kind: 'deallocate' }
  /** Something stays in the session that can only be removed for all clients at once. */
  | { kind: 'residue'; what: Residue };

/** Temporary tables, session advisory locks, cursors that outlive their transaction. */
export type Residue = 'temporary' | 'advisory' | 'cursor';

interface Inspection {
  /** The text to run in place of the client's. */
  sql: string;
  effects: Effect[];
  /** The error to answer with; then none of the text may run. */
  refusal?: { code: string; message: string; hint: string };
  /** Notices for the client. */
  notices: string[];
}

/** Settings that raise a FATAL error, which ends the engine. */
const fatalSettings = new Set([
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'transaction_timeout',
  'exit_on_error',
]);

/** Whether a setting would end the engine sooner or later. */
export const isFatalSetting = (name: string): boolean => fatalSettings.has(fold(name));

/** Only statements with one of these words can have an effect. Most have none: the test takes 0.5 µs, an inspection 8. */
const mayHaveEffect =
  /\b(?:copy|(?:un)?listen|set|reset|discard|deallocate|prepare|execute|temp|temporary|hold|set_config)\b|_advisory_|_timeout|exit_on/i;

/** PostgreSQL truncates longer names (NAMEDATALEN - 1). */
const maxNameBytes = 63;

const sessionLock = /^pg_(?:try_)?advisory_lock(?:_shared)?$/;

/** Runs in place of a statement that must not reach the engine. It does nothing, in and outside a transaction. */
const noOperation = 'unlisten watchpost_nobody';

const copyRefusal = {
  code: '0A000',
  message: 'COPY from or to anything but STDOUT is not supported by the embedded database',
  hint: 'Use INSERT (many rows a statement, or INSERT ... SELECT FROM unnest($1, $2)), or connect to a PostgreSQL server.',
};

/** Collects the effects of the statements of one text. */
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
      this.effects.push({ kind: 'listen', channel: second.text.slice(0, maxNameBytes) });
    } else if (first.text === 'unlisten' && second) {
      const channel = second.kind === 'symbol' ? {} : { channel: second.text };
      this.effects.push({ kind: 'unlisten', ...channel });
      this.#replace(tokens, noOperation);
    } else if (first.text === 'set') this.#set(tokens);
    else if (first.text === 'reset') this.effects.push({ kind: 'settings' });
    else if (first.text === 'prepare' && !is(1, 'transaction')) this.#renameToken(second);
    else if (first.text === 'execute') this.#renameToken(second);
    else if (first.text === 'deallocate') this.#deallocate(tokens[is(1, 'prepare') ? 2 : 1], tokens);
    else if (first.text === 'discard' && is(1, 'all')) {
      this.effects.push({ kind: 'unlisten' }, { kind: 'deallocate' }, { kind: 'settings' });
      this.#replace(tokens, 'reset all');
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
      if (sessionLock.test(text)) this.effects.push({ kind: 'residue', what: 'advisory' });
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
        // EXPLAIN EXECUTE and CREATE TABLE AS EXECUTE, but not GRANT EXECUTE or a trigger's EXECUTE FUNCTION.
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
    this.refusal = copyRefusal;
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
      this.#replace(tokens, noOperation);
    } else this.#renameToken(name);
  }

  #refuseFatalSetting(tokens: Token[]): void {
    const text = this.sql.slice(tokens[0]!.start, tokens.at(-1)!.end).toLowerCase();
    const name = [...fatalSettings].find((setting) => text.includes(setting));
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
 * @param sql the text as latin1: each byte is a character.
 * @param rename returns the name in the shared session of a prepared statement, for the name that the client gave it.
 * @returns undefined if the text has no effect on the session and runs as it is.
 */
export const inspectStatements = (sql: string, rename: (name: string) => string): Inspection | undefined => {
  if (!mayHaveEffect.test(sql)) return undefined;
  const inspector = new Inspector(sql, rename);
  for (const tokens of statements(sql)) inspector.statement(tokens);
  return inspector.result();
};
