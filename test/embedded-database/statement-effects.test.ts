import { describe, expect, it } from 'vitest';
import { inspectStatements } from '../../src/embedded-database/statement-effects.ts';

const inspected = (sql: string) => inspectStatements(sql, (name) => `renamed_${name}`);

describe('COPY', () => {
  it.each([
    'COPY t FROM STDIN',
    'cOpY t(a, "to") from stdin with (format csv)',
    '-- a comment\nCOPY t FROM STDIN',
    '/* one /* two */ still one */copy t from stdin',
    "SELECT ';'; COPY t FROM STDIN",
    "SELECT E'\\';'; COPY t FROM STDIN",
    'SELECT $x$ ; $x$ ; COPY t FROM STDIN; SELECT 1',
    ';;COPY t FROM STDIN',
    "COPY t FROM '/etc/passwd'",
    "COPY t FROM PROGRAM 'id'",
    "COPY t TO '/tmp/file'",
    "COPY t TO PROGRAM 'cat'",
    "COPY (SELECT 1) TO 'stdout'",
    'COPY t FROM stdin; COPY t TO STDOUT',
    "SELECT 'it''s'; copy binary t from stdin",
  ])('is refused in %s', (sql) => {
    expect(inspected(sql)?.refusal?.code).toBe('0A000');
  });

  it.each([
    'COPY t TO STDOUT',
    "COPY (SELECT a FROM t WHERE b = 'from') TO STDOUT WITH (FORMAT csv)",
    'SELECT copy FROM t',
    "SELECT 'COPY t FROM STDIN'",
    'SELECT 1 /* ; COPY t FROM STDIN */',
    'SELECT 1 -- ; COPY t FROM STDIN',
    'SELECT "; COPY t FROM STDIN"',
    'SELECT $$; COPY t FROM STDIN$$',
    'UPDATE t SET copy = 1',
  ])('is let through in %s', (sql) => {
    expect(inspected(sql)?.refusal).toBeUndefined();
    expect(inspected(sql)?.sql ?? sql).toBe(sql);
  });
});

describe('names of prepared statements', () => {
  it.each([
    ['PREPARE p AS SELECT 1', 'PREPARE renamed_p AS SELECT 1'],
    ['EXECUTE "P"(1)', 'EXECUTE renamed_P(1)'],
    ['DEALLOCATE PREPARE p; EXECUTE q', 'DEALLOCATE PREPARE renamed_p; EXECUTE renamed_q'],
    ['EXPLAIN ANALYZE EXECUTE p', 'EXPLAIN ANALYZE EXECUTE renamed_p'],
    ['CREATE TABLE t AS EXECUTE p', 'CREATE TABLE t AS EXECUTE renamed_p'],
    ['GRANT EXECUTE ON FUNCTION f TO u', 'GRANT EXECUTE ON FUNCTION f TO u'],
    [
      'CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()',
      'CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()',
    ],
  ])('%s', (sql, expected) => {
    expect(inspected(sql)?.sql).toBe(expected);
  });
});

it('folds the names of channels as PostgreSQL does', () => {
  expect(inspected('LISTEN Jobs; LISTEN "Jobs"; UNLISTEN *')?.effects).toEqual([
    { kind: 'listen', channel: 'jobs' },
    { kind: 'listen', channel: 'Jobs' },
    { kind: 'unlisten' },
  ]);
});

it('finds no effect in statements on data', () => {
  expect(inspected('SELECT * FROM image WHERE id = $1')).toBeUndefined();
  expect(inspected('UPDATE image SET seen = true')?.effects).toEqual([]);
});

it('keeps bytes it does not know', () => {
  const sql = Buffer.from("PREPARE p AS SELECT 'żółw'").toString('latin1');
  const rewritten = Buffer.from(inspected(sql)!.sql, 'latin1').toString();
  expect(rewritten).toBe("PREPARE renamed_p AS SELECT 'żółw'");
});
