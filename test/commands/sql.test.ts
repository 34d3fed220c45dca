import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { temporaryFolder, watchpost } from './support.ts';

let database: TestDatabase;
let folder: string;

beforeAll(async () => {
  database = await freshDatabase();
  folder = await temporaryFolder();
  await database.rows(
    `insert into watchpost.camera (name, location) values ('gate', 'North gate'), ('o''brien', 'Bar')`,
  );
});

const sql = (args: string[], streams: { stdin?: string | Buffer; columns?: number } = {}) =>
  watchpost(['sql', ...args], { DATABASE_URL: database.url }, streams);

const file = async (name: string, content: string | Buffer): Promise<string> => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};

describe('where sql takes its text from', () => {
  const one = { code: 0, stderr: '', stdout: 'one\n───\n  1\n' };

  it('an argument, a file, or stdin', async () => {
    const path = await file('one.sql', '\uFEFF-- a comment\r\nselect 1 as one;\r\n');
    expect(await sql(['select 1 as one'])).toEqual(one);
    expect(await sql(['-f', path])).toEqual(one);
    expect(await sql(['--file', '-'], { stdin: 'select 1 as one' })).toEqual(one);
    expect(await sql(['-'], { stdin: 'select 1 as one' })).toEqual(one);
    expect(await sql([], { stdin: 'select 1 as one' })).toEqual(one);
  });

  it('text that begins with a comment, and options after it', async () => {
    expect(await sql(['-- which one?\nselect 1 as one'])).toEqual(one);
    expect((await sql(['-- which one? select 2\nselect 1 as one', '--json'])).stdout).toBe('[{"one":1}]\n');
  });

  it.each([
    [['--jsn'], '', /^There is no option --jsn; "watchpost sql --help" lists them\.\n$/],
    [[], ' \n', /^There is no SQL in stdin\.\n$/],
    [['select', '1'], '', /too many arguments/],
    [['select 1', '-f', 'x.sql'], '', /^Give either SQL or a file with --file\.\n$/],
    [
      ['-f', '/nonexistent/x.sql'],
      '',
      /^\/nonexistent\/x\.sql cannot be read: there is no such file or folder\.\n$/,
    ],
    [['-f', '/'], '', /^\/ cannot be read: it is a folder\.\n$/],
    [[], Buffer.from("select 'M\xfcller'", 'latin1'), /^stdin is not UTF-8: /],
    [['select 1', '--json', '--csv'], '', /cannot be used with/],
  ])('refuses %j with %j on stdin', async (args, stdin, words) => {
    const { code, stdout, stderr } = await sql(args, { stdin });
    expect(stderr).toMatch(words);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });
});

describe('several statements', () => {
  it('print their results one after the other', async () => {
    const { stdout } = await sql([
      `begin; create temporary table t (n integer); insert into t values (1), (2); select n from t; commit; select 'x' as y`,
    ]);
    expect(stdout).toBe('2 rows\n\n n\n──\n 1\n 2\n\ny\n─\nx\n');
    expect((await sql(['create temporary table t (n integer)'])).stdout).toBe('done\n');
    expect((await sql(['select 1 where false'])).stdout).toBe('0 rows\n');
  });

  it('are one transaction: nothing is left of them when one fails', async () => {
    const text = `insert into watchpost.camera (name, location) values ('half', 'x'); select 1 / 0`;
    expect(await sql([text])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'The database refused: division by zero\n',
    });
    expect(await database.rows(`select from watchpost.camera where name = 'half'`)).toEqual([]);
  });
});

describe('variables', () => {
  it('are filled in as values and as names, and nowhere else', async () => {
    const text = `
      -- not :'here'
      select location, ':''name''' as "a :'string'", $x$ :'name' $x$ as body, :"column"::text as shown
      from watchpost.camera where name = :'name' /* nor :'there' */`;
    const { stderr, stdout } = await sql(['--json', '-v', "name=o'brien", '-v', 'column=name', text]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([
      { location: 'Bar', "a :'string'": ":'name'", body: " :'name' ", shown: "o'brien" },
    ]);
  });

  it.each([
    [
      ["select :'person', :'list'"],
      /^A value is missing for person, list: add -v person=VALUE -v list=VALUE\.\n$/,
    ],
    [
      ["select :'person'", '-v', 'person=A', '-v', 'persn=B'],
      /no variable persn: its variables are person\.\n$/,
    ],
    [['select 1', '-v', 'person=Ada'], /no variable person: it has no variables\.\n$/],
    [['select 1', '-v', 'Ada'], /Give name=value, like person=Ada\./],
  ])('that are missing or not there are named: %j', async (args, words) => {
    expect(await sql(args)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(words) });
  });
});

describe('what the database refuses', () => {
  it.each([
    ['select * from watchpost.imge', 'relation "watchpost.imge" does not exist', 'watchpost.imge'],
    ['select *\nfrom\twatchpost.camera\nwher true', 'syntax error at or near "true"', 'true'],
    [`select 'x'::uuid`, 'invalid input syntax for type uuid: "x"', `'x'`],
  ])('is shown in its own words, with the place: %j', async (text, words, token) => {
    const { code, stderr } = await sql([text]);
    expect(code).toBe(1);
    const lines = stderr.trimEnd().split('\n');
    expect(lines[0]).toBe(`The database refused: ${words}`);
    const [line = '', mark = ''] = lines.slice(-2);
    expect(line).toMatch(/^line \d: /);
    expect(line.slice(mark.indexOf('^'))).toMatch(new RegExp(`^${token}`));
  });

  it('for want of the schema is told as that', async () => {
    const empty = await freshDatabase({ empty: true });
    const { code, stderr } = await watchpost(['sql', 'select * from watchpost.image'], {
      DATABASE_URL: empty.url,
    });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The database has no schema of Watchpost.*\nRun "watchpost migrate"\.\n/);
  });
});

describe('another command, given a value that only the database refuses', () => {
  it.each([
    [['strangers', 'on', '--retention', 'often'], '"often" is not an interval, like "30 days".'],
    [
      ['strangers', 'on', '--retention', '99999999999 days'],
      '"99999999999 days" is out of the range of times and intervals.',
    ],
  ])('says what it should be: %j', async (args, sentence) => {
    const { code, stdout, stderr } = await watchpost(args, { DATABASE_URL: database.url });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(`${sentence}\n(value_invalid)\n`);
  });
});

describe('what is printed', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057';

  it('rounds figures in a table, and in JSON and CSV leaves them as they are', async () => {
    const query = `select 0.72751212::real as r, 12.5::float8 as f, 1 / 3.0 as n, 12345678.9012 as large, 9007199254740993 as big`;
    expect((await sql([query])).stdout.split('\n')[2]?.trim().split(/ +/)).toEqual([
      '0.7275',
      '12.5',
      '0.3333',
      '12345678.9',
      '9007199254740993',
    ]);
    const [row] = JSON.parse((await sql(['--json', query])).stdout);
    expect(row).toMatchObject({ r: 0.7275121, big: '9007199254740993', n: '0.33333333333333333333' });
    expect((await sql(['--csv', query])).stdout).toBe(
      'r,f,n,large,big\n0.7275121,12.5,0.33333333333333333333,12345678.9012,9007199254740993\n',
    );
  });

  it('has intervals, dates and bytes that people can read', async () => {
    const query = `select interval '90 minutes' as i, date '2026-11-23' as d, '\\x0102'::bytea as b`;
    expect((await sql([query])).stdout).toMatch(/\n01:30:00 +2026-11-23 +2 bytes\n$/);
    expect(JSON.parse((await sql(['--json', query])).stdout)).toEqual([
      { i: '01:30:00', d: '2026-11-23', b: '\\x0102' },
    ]);
  });

  it('fits the terminal: long cells are cut, ids are not, and rows that do not fit are written as lines', async () => {
    const query = `select '${id}'::uuid as id, repeat('long ', 40) as words, 'x' as y`;
    const wide = (await sql([query])).stdout.split('\n');
    expect(wide[2]?.length).toBeGreaterThan(200);
    const cut = (await sql([query], { columns: 70 })).stdout.trimEnd().split('\n');
    expect(cut.map((line) => line.length).every((length) => length <= 70)).toBe(true);
    expect(cut[2]).toContain(id);
    expect(cut[2]).toMatch(/lon… {2}x$/);
    const lines = (await sql([query], { columns: 40 })).stdout.split('\n');
    expect(lines[0]).toBe(`id     ${id}`);
    expect(lines[2]).toBe('y      x');
  });

  it('counts Chinese characters and emoji as wide as a terminal shows them', async () => {
    const query = `select '東京' as name, 'a|b' as x union all select '👩‍🔬', 'c' order by x`;
    const { stdout } = await sql([query], { columns: 80 });
    expect(stdout).toBe('name  x\n────  ───\n東京  a|b\n👩‍🔬    c\n');
    const long = await sql([`select repeat('東', 30) as a, 1 as b`], { columns: 20 });
    expect(long.stdout.split('\n')[2]).toBe(`${'東'.repeat(7)}…   1`);
  });

  it('keeps control characters away from the terminal', async () => {
    const { stdout } = await sql([`select E'a\\x1b[31mb\\nc' as name`]);
    expect(stdout).toBe('name\n────────\na [31mb c\n'.replace('────────', '─────────'));
  });

  it('is CSV that can be read again', async () => {
    const query = `select 'a "b", c' as one, null as two, E'x\\ny' as three, '' as four, '{"k":[1]}'::jsonb as five`;
    const { stdout } = await sql(['--csv', query]);
    expect(parse(stdout, { columns: true })).toEqual([
      { one: 'a "b", c', two: '', three: 'x\ny', four: '', five: '{"k":[1]}' },
    ]);
  });
});
