import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSource } from '../../src/transfer/source.ts';
import { temporaryFolder } from '../commands/support.ts';
import { sample } from '../support/photos.ts';

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});
const csv = async (text: string | Buffer): Promise<string> => {
  const file = join(folder, `${Math.random()}.csv`);
  await writeFile(file, text);
  return file;
};
const namesIn = async (file: string, encoding?: string) =>
  (await readSource(file, encoding ? { encoding } : {})).people.map((person) => person.name);

describe('people.csv', () => {
  it('lists people with their photos, and the face and accepted codes of each photo', async () => {
    const file = await csv(
      `\uFEFFname,external_ref,photos,watchlists,metadata,faces,accept
"Ada, Countess",hr-1,ada/1.jpg; ada/2.jpg,staff;night,"{""floor"": 2}",;3,;face_unlike face_profile

Bea,,,"[""a;b""]",,,`,
    );
    expect(await readSource(file)).toEqual({
      people: [
        {
          at: `${file}, person 1`,
          name: 'Ada, Countess',
          external_ref: 'hr-1',
          metadata: { floor: 2 },
          watchlists: [{ name: 'staff' }, { name: 'night' }],
          photos: [
            { file: join(folder, 'ada/1.jpg'), face: undefined, accept: [] },
            { file: join(folder, 'ada/2.jpg'), face: 3, accept: ['face_unlike', 'face_profile'] },
          ],
        },
        {
          at: `${file}, person 2`,
          name: 'Bea',
          external_ref: undefined,
          metadata: {},
          watchlists: [{ name: 'a;b' }],
          photos: [],
        },
      ],
      refused: [],
      ignored: [],
    });
  });

  it.each([
    ['no name', ',hr-2,', /name: a person needs a name/],
    ['metadata that is no object', 'Bea,hr-2,[1]', /^metadata: give a JSON object/],
    ['metadata that is no JSON', 'Bea,hr-2,{', /JSON/],
  ])('with %s in a row refuses that person and reads the others', async (_, line, message) => {
    const source = await readSource(await csv(`name,external_ref,metadata\n${line}\nAda,hr-1,\n`));
    expect(source.people.map((person) => person.name)).toEqual(['Ada']);
    expect(source.refused).toMatchObject([
      { code: 'import_invalid', message: expect.stringMatching(message) },
    ]);
  });

  it.each([
    ['commas', 'name,photos\nAda,"1.jpg;2.jpg"\n'],
    ['semicolons', 'name;photos\r\nAda;"1.jpg;2.jpg"\r\n'],
    ['tabs', 'Name\tPhotos\nAda\t1.jpg;2.jpg\n'],
    ['what its first line says', 'sep=;\r\nname;photos\r\nAda;"1.jpg;2.jpg"\r\n'],
    ['commas, and empty columns and rows at the end', 'name,photos,,\nAda,1.jpg;2.jpg,,\n,,,\n'],
    ['commas, and a row that ends early', 'name,photos,metadata\nAda,1.jpg;2.jpg\n'],
  ])('may be separated by %s', async (_, text) => {
    const { people, refused } = await readSource(await csv(text));
    expect(refused).toEqual([]);
    expect(people).toMatchObject([
      { name: 'Ada', photos: [{ file: join(folder, '1.jpg') }, { file: join(folder, '2.jpg') }] },
    ]);
  });

  it('may have paths with semicolons, as a JSON array', async () => {
    const { people } = await readSource(await csv(`name,photos\nAda,"[""a;b/1.jpg""]"\n`));
    expect(people[0]?.photos).toMatchObject([{ file: join(folder, 'a;b/1.jpg') }]);
  });

  it.each([
    ['UTF-8', Buffer.from('name\nJosé\n')],
    ['UTF-8 with a byte order mark', Buffer.from('\uFEFFname\nJosé\n')],
    ['UTF-8 in decomposed form, as a Mac writes it', Buffer.from('name\nJose\u0301\n')],
    ['UTF-16, as Excel writes it', Buffer.from('\uFEFFname\r\nJosé\r\n', 'utf16le')],
    ['UTF-16 without a byte order mark', Buffer.from('name\r\nJosé\r\n', 'utf16le')],
    ['UTF-16 of the other byte order', Buffer.from('\uFEFFname\nJosé\n', 'utf16le').swap16()],
  ])('is read as %s', async (_, bytes) => {
    expect(await namesIn(await csv(bytes))).toEqual(['José']);
  });

  it('in Latin-1 is refused with how to convert it, and read if that is said', async () => {
    const file = await csv(Buffer.from('name\nAda\nJosé Muñoz\n', 'latin1'));
    await expect(readSource(file)).rejects.toMatchObject({
      code: 'import_invalid',
      message: expect.stringMatching(/is not UTF-8: line 3 .*iconv .*--encoding windows-1252/),
    });
    expect(await namesIn(file, 'windows-1252')).toEqual(['Ada', 'José Muñoz']);
  });

  it('finds photos whose names are stored in the other normalization form', async () => {
    await writeFile(join(folder, 'Jose\u0301.jpg'), '');
    const { people } = await readSource(await csv('name,photos\nJosé,José.jpg\n'));
    expect(people[0]?.photos).toMatchObject([{ file: join(folder, 'Jose\u0301.jpg') }]);
  });

  it('with more cells than columns in a row refuses that person and reads the others', async () => {
    const source = await readSource(await csv('name,photos\nAda,1.jpg,2.jpg\nBea,3.jpg\n'));
    expect(source.people.map((person) => person.name)).toEqual(['Bea']);
    expect(source.refused).toMatchObject([
      { person: 'Ada', code: 'import_invalid', message: expect.stringMatching(/3 cells.* 2 columns/) },
    ]);
  });

  it.each([
    [
      'a misspelt column',
      'name,photos,watchlist\nAda,1.jpg,wanted\n',
      /column "watchlist".* Is "watchlists" meant/,
    ],
    [
      'a column of something else',
      'name,shoe size\nAda,38\n',
      /column "shoe size".* Known are: name, external_ref/,
    ],
    ['a column twice', 'name,photos,photos\nAda,1.jpg,2.jpg\n', /column photos twice/],
    ['no column name', 'photos\n1.jpg\n', /no column name/],
    ['a quote that is never closed', 'name\n"Ada\n', /cannot be understood/],
  ])('with %s is refused as a whole', async (_, text, message) => {
    await expect(readSource(await csv(text))).rejects.toMatchObject({
      code: 'import_invalid',
      message: expect.stringMatching(message),
    });
  });
});

describe('a folder of people', () => {
  it('that names a photo that is not there is refused, and the next one is read', async () => {
    const people = await temporaryFolder();
    await mkdir(join(people, 'Ada'));
    await mkdir(join(people, 'Bea'));
    await writeFile(join(people, 'Ada/person.json'), '{"faces": {"1.jpg": 2}}');
    await writeFile(join(people, 'Bea/1.jpg'), '');
    const source = await readSource(people);
    expect(source.people.map((person) => person.name)).toEqual(['Bea']);
    expect(source.refused).toEqual([
      {
        file: join(people, 'Ada'),
        person: 'Ada',
        code: 'import_invalid',
        message: 'person.json names 1.jpg, which is not there.',
      },
    ]);
  });

  it('that cannot be read is reported, and the next one is read', async () => {
    const people = await temporaryFolder();
    await symlink(join(people, 'nowhere'), join(people, 'Ada'));
    await mkdir(join(people, 'Bea'));
    await writeFile(join(people, 'Bea/1.jpg'), '');
    const source = await readSource(people);
    expect(source.people.map((person) => person.name)).toEqual(['Bea']);
    expect(source.refused).toMatchObject([{ person: 'Ada', code: 'file_unreadable' }]);
  });

  it('has photos by their content, whatever they are called, in the order of their numbers', async () => {
    const people = await temporaryFolder();
    await mkdir(join(people, 'Ada/sub'), { recursive: true });
    for (const name of ['10.jfif', '2', '1.photo']) await writeFile(join(people, 'Ada', name), sample(3));
    for (const name of ['3.heic', 'note.jpg']) await writeFile(join(people, 'Ada', name), 'no photo');
    for (const name of ['cv.pdf', 'Thumbs.db', '.hidden']) await writeFile(join(people, 'Ada', name), 'text');
    const source = await readSource(people);
    expect(source.people[0]?.photos.map((photo) => basename(photo.file))).toEqual([
      '1.photo',
      '2',
      '3.heic',
      '10.jfif',
      'note.jpg',
    ]);
    expect(source.ignored).toEqual([join(people, 'Ada/cv.pdf'), join(people, 'Ada/sub')]);
  });

  it('has no people in folders of the system, and refuses a folder without a photo', async () => {
    const people = await temporaryFolder();
    const others = ['@eaDir', '#recycle', '__MACOSX', '$RECYCLE.BIN', 'lost+found', '.git', '_old'];
    for (const name of [...others, 'System Volume Information', 'Ada', 'papers']) {
      await mkdir(join(people, name));
      await writeFile(join(people, name, name === 'papers' ? 'cv.pdf' : '1.jpg'), '');
    }
    for (const name of ['.DS_Store', 'Thumbs.db', 'desktop.ini']) await writeFile(join(people, name), '');
    const source = await readSource(people);
    expect(source.people.map((person) => person.name)).toEqual(['Ada']);
    expect(source.refused).toMatchObject([
      {
        person: 'papers',
        code: 'import_invalid',
        message: `There is no photo in ${join(people, 'papers')}.`,
      },
    ]);
    expect(source.ignored).toEqual([]);
  });

  it('refuses a misspelt key of person.json with the right one', async () => {
    const people = await temporaryFolder();
    await mkdir(join(people, 'Ada'));
    await writeFile(join(people, 'Ada/person.json'), '{"watchlist": ["wanted"]}');
    const source = await readSource(people);
    expect(source.refused).toMatchObject([
      { code: 'import_invalid', message: expect.stringMatching(/key "watchlist".* Is "watchlists" meant/) },
    ]);
  });

  it('that a later version has exported is refused as a whole', async () => {
    const people = await temporaryFolder();
    await writeFile(
      join(people, 'watchpost.json'),
      '{"format": "watchpost", "version": 1000, "planets": []}',
    );
    await expect(readSource(people)).rejects.toMatchObject({
      code: 'import_invalid',
      message: expect.stringMatching(/version 1000 of the format.* newer/),
    });
  });
});

describe('the folders of other products', () => {
  const write = async (folder: string, files: readonly string[]): Promise<void> => {
    for (const file of files) {
      await mkdir(join(folder, file, '..'), { recursive: true });
      await writeFile(join(folder, file), /\.(jpg|webp)$/.test(file) ? sample(3) : 'text');
    }
  };
  const photosOf = async (folder: string) => {
    const { people, ignored, refused } = await readSource(folder);
    const photos = people.map((person) => [person.name, person.photos.map(({ file }) => basename(file))]);
    return { people: Object.fromEntries(photos), ignored, refused };
  };

  it('Double Take: people are in train, and what it has recognised is left out', async () => {
    const storage = await temporaryFolder();
    await write(storage, [
      'database.db',
      'config/config.yml',
      'latest/gate.jpg',
      'matches/5c2b7a3e.jpg',
      'train/ada/1.jpg',
      'train/ada/4f0f6c1e-2b7a-4c58-9d53-0ab1.jpg',
      'train/bea/1.jpg',
    ]);
    const expected = { ada: ['1.jpg', '4f0f6c1e-2b7a-4c58-9d53-0ab1.jpg'], bea: ['1.jpg'] };
    expect(await photosOf(storage)).toEqual({ people: expected, ignored: [], refused: [] });
    expect((await photosOf(join(storage, 'train'))).people).toEqual(expected);
  });

  it('Frigate: attempts at recognition, in train, are nobody', async () => {
    const faces = await temporaryFolder();
    await write(faces, [
      'Ada/Ada-1732886561.443.webp',
      'Bea/Bea-1732886570.127.webp',
      'train/1732886500.123456-x7k2ab-1732886501.654321-unknown-0.0.webp',
      'train/1732886510.5-q1w2e3-1732886511.25-Ada-0.93.webp',
    ]);
    expect(await photosOf(faces)).toEqual({
      people: { Ada: ['Ada-1732886561.443.webp'], Bea: ['Bea-1732886570.127.webp'] },
      ignored: [join(faces, 'train')],
      refused: [],
    });
  });

  it('somebody who is called train is a person', async () => {
    const people = await temporaryFolder();
    await write(people, ['train/1.jpg', 'Ada/1.jpg']);
    expect((await photosOf(people)).people).toEqual({ Ada: ['1.jpg'], train: ['1.jpg'] });
  });
});
