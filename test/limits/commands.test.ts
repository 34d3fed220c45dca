import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/limits.ts';
import { readSource } from '../../src/transfer/source.ts';
import { temporaryFolder, watchpost } from '../commands/support.ts';
import { blackPng } from '../support/bombs.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let folder: string;
beforeAll(async () => {
  database = await freshDatabase();
  folder = await temporaryFolder();
});

const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });
const long = (count: number) => 'x'.repeat(count);

describe('limits on the command line', () => {
  it('of names, references, purposes and metadata', async () => {
    expect(
      await run('camera', 'add', ` ${long(limits.nameCharacters.max)} `, '--location', 'here'),
    ).toMatchObject({
      code: 0,
      stderr: '',
    });
    const refused: [string[], RegExp][] = [
      [['camera', 'add', long(201), '--location', 'here'], /Give 1 to 200 characters on one line/],
      [['camera', 'add', 'gate', '--location', ' '], /Give 1 to 200 characters on one line/],
      [['person', 'add', 'Ada\nEve'], /Give 1 to 200 characters on one line/],
      [['person', 'add', 'Ada', '--ref', long(256)], /Give 1 to 255 characters/],
      [['person', 'add', 'Ada', '--metadata', `{"a": "${long(16_384)}"}`], /Give 16384 bytes at most/],
      [
        ['person', 'add', 'Ada', '--metadata', `{"a": ${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
        /Nest it 32 levels deep at most/,
      ],
      [
        ['person', 'add', 'Ada', '--photo', 'ada.jpg', '--face', '1001'],
        /Give a whole number from 1 to 1000\./,
      ],
      [['alert', 'list', '--limit', '1e300'], /Give a whole number from 1 to 1000000000/],
      [['person', 'add', 'Ada', '--metadata', '["a"]'], /Give a JSON object/],
      [['alert', 'list', '--since', '1825-12-31T23:59:59Z'], /Give a time from 1826-01-01/],
      [['watchlist', 'add', 'wanted', '--purpose', long(2001)], /Give 2000 characters at most/],
      [['watchlist', 'add', 'wanted', '--cooldown', '31536001'], /Give 0 to 31536000 seconds/],
      [['key', 'create', long(201)], /Give 1 to 200 characters on one line/],
      [['key', 'create', 'k', '--rate', '1000001'], /Give a whole number from 1 to 1000000\./],
      [['key', 'create', 'k', '--expires', '366d'], /Give a length of time like .* 365d at most/],
      [
        ['endpoint', 'add', 'e', `https://a.example/${long(2000)}`],
        /url: give a URL of 1 to 2000 characters/,
      ],
    ];
    for (const [args, words] of refused) {
      const { code, stderr } = await run(...args);
      expect({ code, stderr }, args.join(' ').slice(0, 60)).toEqual({
        code: 1,
        stderr: expect.stringMatching(words),
      });
    }
    expect(
      await database.rows('select from watchpost.person union all select from watchpost.watchlist'),
    ).toEqual([]);
  });

  it('of photos, before they are read or decoded', async () => {
    const thin = join(folder, 'thin.png');
    await writeFile(thin, blackPng({ width: 1, height: 60_000_000 }));
    const large = join(folder, 'large.jpg');
    await writeFile(large, '');
    await truncate(large, limits.storedPhotoBytes.max + 1);
    expect((await run('submit', thin)).stderr).toMatch(
      /thin\.png: The photo has 1 × 60000000 pixels; a side may have/,
    );
    expect((await run('submit', large)).stderr).toMatch(/large\.jpg: A photo may have 100 MB/);
    expect((await run('submit', thin, '--captured-at', '2099-01-01T00:00:00Z')).stderr).toMatch(
      /not in the future/,
    );
    expect(await database.rows('select from watchpost.image')).toEqual([]);
  });

  it('of what is imported, for each person', async () => {
    const people = join(folder, 'people.csv');
    await writeFile(people, `name,external_ref\n${long(201)},\nAda,${long(256)}\n Bea ,b-1\n`);
    const source = await readSource(people);
    expect(source.people.map(({ name }) => name)).toEqual(['Bea']);
    expect(source.refused.map(({ code }) => code)).toEqual(['name_invalid', 'token_invalid']);

    const thin = join(folder, 'import', 'Cem');
    await mkdir(thin, { recursive: true });
    await writeFile(join(thin, 'thin.png'), blackPng({ width: 1, height: 60_000_000 }));
    const { stdout } = await run('import', join(folder, 'import'), '--json');
    expect(JSON.parse(stdout)).toMatchObject({ refused: [{ code: 'image_too_long' }] });
  });
});
