/**
 * Just enough of PostgreSQL's lexer to tell statements apart: words, quoted names, strings in all their
 * quotings, comments (they nest) and the semicolons that are not inside any of these. It assumes
 * standard_conforming_strings, on by default since 9.1.
 */

export interface Token {
  kind: 'word' | 'name' | 'string' | 'symbol';
  /** a word in lower case, a quoted name without its quotes; otherwise as written */
  text: string;
  start: number;
  end: number;
}

const WORD = /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y;
const NUMBER = /\d[\w.]*/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/y;
const SPACE = /\s+/y;

/** Lower case as PostgreSQL folds names: ASCII letters only, so that the other bytes stay as they are. */
export function fold(word: string): string {
  return word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function match(pattern: RegExp, sql: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
}

/** Where the nested comment that opens at `at` ends. */
function endOfComment(sql: string, at: number): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = at;
  let depth = 0;
  for (let mark = marks.exec(sql); mark; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return sql.length;
}

/** Where the quotation that opens at `at` ends; a doubled quote does not end it, nor does `\` in an E''. */
function endOfQuotes(sql: string, at: number, escapes: boolean): number {
  const quote = sql[at]!;
  for (let i = at + 1; i < sql.length; i++) {
    if (escapes && sql[i] === '\\') i++;
    else if (sql[i] === quote) {
      if (sql[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  return sql.length;
}

/** The statements of `sql`, each as its tokens; empty statements are left out. */
export function statements(sql: string): Token[][] {
  const found: Token[][] = [];
  let current: Token[] = [];
  const add = (kind: Token['kind'], text: string, start: number, end: number) => {
    current.push({ kind, text, start, end });
    return end;
  };
  for (let at = 0; at < sql.length; ) {
    const space = match(SPACE, sql, at);
    const char = sql[at]!;
    if (space) at += space.length;
    else if (sql.startsWith('--', at)) {
      const end = sql.slice(at).search(/[\n\r]/);
      at = end < 0 ? sql.length : at + end;
    } else if (sql.startsWith('/*', at)) at = endOfComment(sql, at);
    else if (char === ';') {
      if (current.length) found.push(current);
      current = [];
      at++;
    } else if (char === "'") at = add('string', '', at, endOfQuotes(sql, at, false));
    else if (char === '"') {
      const end = endOfQuotes(sql, at, false);
      at = add('name', sql.slice(at + 1, end - 1).replaceAll('""', '"'), at, end);
    } else if (/[eE]/.test(char) && sql[at + 1] === "'") {
      at = add('string', '', at, endOfQuotes(sql, at + 1, true));
    } else {
      const dollar = match(DOLLAR_QUOTE, sql, at);
      const word = match(WORD, sql, at);
      const number = match(NUMBER, sql, at);
      if (dollar) {
        const close = sql.indexOf(dollar, at + dollar.length);
        at = add('string', '', at, close < 0 ? sql.length : close + dollar.length);
      } else if (word) at = add('word', fold(word), at, at + word.length);
      else if (number) at += number.length;
      else at = add('symbol', char, at, at + 1);
    }
  }
  if (current.length) found.push(current);
  return found;
}
