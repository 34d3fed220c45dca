/**
 * Splits SQL into statements and tokens: as much of PostgreSQL's lexer as `statement-effects.ts` needs. It knows words,
 * quoted names, strings in every form of quoting, nested comments, and semicolons outside of these. It assumes
 * standard_conforming_strings, the default.
 */

export interface Token {
  kind: 'word' | 'name' | 'string' | 'symbol';
  /** A word in lower case, a quoted name without its quotes, a symbol as written; empty for a string. */
  text: string;
  start: number;
  end: number;
}

const wordPattern = /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y;
const numberPattern = /\d[\w.]*/y;
const dollarQuote = /\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$/y;
const spacePattern = /\s+/y;

/** Lower case as PostgreSQL folds names here: ASCII letters only. */
export const fold = (word: string): string => word.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

const matchAt = (pattern: RegExp, sql: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
};

/** The end of the comment that begins at `at`; comments nest. */
const endOfComment = (sql: string, at: number): number => {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = at;
  let depth = 0;
  for (let mark = marks.exec(sql); mark; mark = marks.exec(sql)) {
    depth += mark[0] === '/*' ? 1 : -1;
    if (depth === 0) return marks.lastIndex;
  }
  return sql.length;
};

/** The end of the quotation that begins at `at`. A doubled quote does not end it, nor one after `\` in an E''. */
const endOfQuotes = (sql: string, at: number, escapes: boolean): number => {
  const quote = sql[at]!;
  for (let i = at + 1; i < sql.length; i++) {
    if (escapes && sql[i] === '\\') i++;
    else if (sql[i] === quote) {
      if (sql[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  return sql.length;
};

/** The statements in `sql`, each as its tokens, without empty statements. */
export const statements = (sql: string): Token[][] => {
  const found: Token[][] = [];
  let current: Token[] = [];
  const add = (kind: Token['kind'], text: string, start: number, end: number) => {
    current.push({ kind, text, start, end });
    return end;
  };
  for (let at = 0; at < sql.length; ) {
    const space = matchAt(spacePattern, sql, at);
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
      const dollar = matchAt(dollarQuote, sql, at);
      const word = matchAt(wordPattern, sql, at);
      const number = matchAt(numberPattern, sql, at);
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
};
