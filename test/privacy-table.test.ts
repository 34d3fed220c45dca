import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { watchpost } from './commands/support.ts';
import { freshDatabase, type TestDatabase } from './support/database.ts';

/** docs/privacy.md names a command or a view for each duty: each of them has to exist. */

const page = readFileSync(new URL('../docs/privacy.md', import.meta.url), 'utf8');
const [, table = ''] = page.split('## What answers which duty');
const named = [...table.matchAll(/`(watchpost[ .][^`]+)`/g)].map(([, name]) => name as string);
const unique = (names: string[]) => [...new Set(names)].sort();
const commands = unique(named.filter((name) => name.startsWith('watchpost ')));
const relations = unique(named.filter((name) => name.startsWith('watchpost.') && !name.includes('(')));
const functions = unique(named.filter((name) => name.includes('(')));
const shell = unique(
  [...page.matchAll(/^npm run watchpost -- ([^#\n]+)/gm)].map(([, line]) => `watchpost ${line?.trim()}`),
);

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
});

describe('the privacy page', () => {
  it('answers each law with commands and views', () => {
    for (const law of [
      'AI Act Art. 12',
      'AI Act Art. 14',
      'AI Act Art. 26',
      'GDPR Art. 9',
      'GDPR Art. 15',
      'GDPR Art. 17',
      'GDPR Art. 30',
      'BIPA',
    ])
      expect(table).toContain(law);
    expect(commands.length).toBeGreaterThan(10);
    expect(relations.length).toBeGreaterThan(5);
  });

  it.each([...commands, ...shell])('%s exists, with its options', async (line) => {
    const help = await helpOf(line);
    for (const option of line.match(/--[a-z-]+/g) ?? []) expect(help).toContain(`${option} `);
  });

  it.each(relations)('%s is a table or a view', async (name) => {
    expect(await database.rows('select to_regclass($1)::text as name', [name])).toEqual([{ name }]);
  });

  it.each(functions)('%s is a function', async (call) => {
    const [name] = call.replace('watchpost.', '').split('(') as [string];
    const found = await database.rows(
      `select from pg_proc where pronamespace = 'watchpost'::regnamespace and proname = $1`,
      [name],
    );
    expect(found).not.toEqual([]);
  });

  it('would be refused if it named a command that is not there', async () => {
    await expect(helpOf('watchpost retention forget')).rejects.toThrow('There is no');
    await expect(helpOf('watchpost looking')).rejects.toThrow('There is no');
  });
});

/** The help of the command in a line. Words after it are its arguments, if it takes any. */
const helpOf = async (line: string): Promise<string> => {
  const words = line.split(' ').slice(1);
  const places = words.findIndex((word) => !/^[a-z]+$/.test(word));
  const names = places === -1 ? words : words.slice(0, places);
  for (let depth = Math.min(names.length, 3); depth > 0; depth--) {
    const { code, stdout } = await watchpost([...names.slice(0, depth), '--help']);
    const [usage = ''] = stdout.split('\n', 1);
    // Of an unknown word commander prints the help of the command before it.
    if (code !== 0 || !usage.startsWith(`Usage: watchpost ${names.slice(0, depth).join(' ')} `)) continue;
    if (depth === names.length || usage.includes('<')) return stdout;
  }
  throw new Error(`There is no command ${names.join(' ')}.`);
};
