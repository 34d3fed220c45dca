import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readLabelledFolder } from '../../src/calibration/labelled-folder.ts';
import { allButOne, roundsOf } from '../../src/evaluation/split.ts';
import { watchpost } from '../commands/support.ts';
import { textFile, truncatedJpeg } from '../support/bad-photos.ts';
import { sample } from '../support/photos.ts';
import { folderOf } from './labelled.ts';

const read = (folder: string) => readLabelledFolder(folder, { maxPixels: 64_000_000 });
const photo = sample(1);
const person = { 'ada/1.jpg': photo, 'ada/2.jpg': photo };
const invalid = (message: RegExp) => ({ code: 'folder_invalid', message: expect.stringMatching(message) });

describe('a labelled folder', () => {
  it('is read in the order of its names, and other files in it are ignored', async () => {
    const folder = await folderOf({
      ...person,
      'ada/notes.txt': 'a note',
      'ada/.hidden.jpg': photo,
      'bea/PHOTO.JPEG': photo,
      'bea/scan.jfif': photo,
      '@eaDir/1.jpg': photo,
      'nobody/notes.txt': 'no photo',
      '.git/1.jpg': photo,
      '_drafts/1.jpg': photo,
      'README.md': 'about',
      '_strangers/b.jpg': photo,
      '_strangers/anna/a.jpg': photo,
      '_groups/unlisted.jpg': photo,
      '_groups/full.jpg': photo,
      '_groups/groups.csv': '\uFEFFfile,faces,people\n\nfull.jpg, 3 ,"ada bea"\n',
    });
    expect(await read(folder)).toEqual({
      path: folder,
      people: [
        { name: 'ada', photos: ['ada/1.jpg', 'ada/2.jpg'] },
        { name: 'bea', photos: ['bea/PHOTO.JPEG', 'bea/scan.jfif'] },
      ],
      strangers: ['_strangers/b.jpg', '_strangers/anna/a.jpg'],
      groups: [
        { file: '_groups/full.jpg', faces: 3, people: ['ada', 'bea'] },
        { file: '_groups/unlisted.jpg', faces: null, people: null },
      ],
    });
  });

  it('takes names with spaces, alone or with ; between them', async () => {
    const groups = (people: string) => ({
      'Ada L/1.jpg': photo,
      'Bea M/1.jpg': photo,
      '_groups/a.jpg': photo,
      '_groups/groups.csv': `file,faces,people\na.jpg,2,${people}\n`,
    });
    const peopleOf = async (people: string) => (await read(await folderOf(groups(people)))).groups[0]?.people;
    expect(await peopleOf('Ada L')).toEqual(['Ada L']);
    expect(await peopleOf('Ada L; Bea M')).toEqual(['Ada L', 'Bea M']);
  });

  it.each([
    [
      'a text file under the name of a photo',
      { ...person, 'bea/1.jpg': textFile() },
      /bea\/1\.jpg: This is not a JPEG/,
    ],
    ['an empty file', { ...person, '_strangers/1.png': '' }, /_strangers\/1\.png: The photo is empty/],
    ['nobody in it', { 'notes.txt': 'empty', '_strangers/1.jpg': photo }, /There is nobody in/],
    [
      'groups without a list',
      { ...person, '_groups/1.jpg': photo },
      /groups\.csv is not valid: it is not there/,
    ],
    [
      'a list of other columns',
      { ...person, '_groups/groups.csv': 'photo,count\na.jpg,2\n' },
      /no column "file"/,
    ],
    [
      'a list with a broken row',
      { ...person, '_groups/groups.csv': 'file,faces,people\n"a.jpg,2\n' },
      /groups\.csv is not valid/,
    ],
    [
      'a list with a number that is none',
      { ...person, '_groups/a.jpg': photo, '_groups/groups.csv': 'file,faces,people\na.jpg,many,\n' },
      /row 1 says "many" faces/,
    ],
    [
      'a list with a photo that is not there',
      { ...person, '_groups/groups.csv': 'file,faces,people\na.jpg,2,\n' },
      /there is no photo "a\.jpg"/,
    ],
    [
      'a list that names a photo twice',
      { ...person, '_groups/a.jpg': photo, '_groups/groups.csv': 'file,faces,people\na.jpg,2,\na.jpg,3,\n' },
      /row 2 names "a\.jpg" again/,
    ],
  ])('is refused with %s', async (_, files, message) => {
    await expect(read(await folderOf(files))).rejects.toMatchObject(invalid(message));
  });

  it('is refused when it is not there, or is not a folder', async () => {
    await expect(read('/nonexistent/folder')).rejects.toMatchObject(invalid(/there is no such folder/));
    const file = join(await folderOf({ 'a.jpg': photo }), 'a.jpg');
    await expect(read(file)).rejects.toMatchObject(invalid(/it is not a folder/));
  });

  it('is refused by file with a folder that has the name of a photo', async () => {
    const folder = await folderOf(person);
    await mkdir(join(folder, 'bea', '1.jpg'), { recursive: true });
    expect(
      (await read(folder)).people.map(({ name }) => name),
      'a folder is no photo',
    ).toEqual(['ada']);
  });

  it.skipIf(process.getuid?.() === 0)(
    'is refused with a file that may not be read (not as root, who may)',
    async () => {
      const folder = await folderOf({ ...person, 'bea/1.jpg': photo });
      await chmod(join(folder, 'bea/1.jpg'), 0);
      await expect(read(folder)).rejects.toMatchObject(invalid(/bea\/1\.jpg/));
    },
  );

  it('names five of many bad files, and how many more there are', async () => {
    const files = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`bea/${n}.jpg`, textFile()]));
    await expect(read(await folderOf(files))).rejects.toMatchObject(
      invalid(/8 files[\s\S]+bea\/4\.jpg[\s\S]+and 3 more$/),
    );
  });

  it('may hold a photo that only decoding shows to be broken: that is a result, not an error', async () => {
    expect((await read(await folderOf({ ...person, 'ada/3.jpg': truncatedJpeg() }))).people).toMatchObject([
      { photos: ['ada/1.jpg', 'ada/2.jpg', 'ada/3.jpg'] },
    ]);
  });
});

describe('all but one', () => {
  const folder = {
    path: '',
    people: [
      { name: 'ada', photos: ['1', '2', '3'] },
      { name: 'bea', photos: ['4', '5'] },
      { name: 'cleo', photos: ['6'] },
    ],
    strangers: ['7'],
    groups: [],
  };

  it('holds out the last photo, and treats a person with a single photo as a stranger', () => {
    expect(allButOne(folder)).toEqual({
      enrolled: [
        { name: 'ada', photos: ['1', '2'] },
        { name: 'bea', photos: ['4'] },
      ],
      probes: [
        { name: 'ada', file: '3' },
        { name: 'bea', file: '5' },
      ],
      strangers: [
        { name: null, file: '7' },
        { name: 'cleo', file: '6' },
      ],
      groups: [],
    });
  });

  it('holds out each photo once in as many rounds as the person with the most photos has', () => {
    expect(roundsOf(folder)).toBe(3);
    const heldOut = [0, 1, 2].flatMap((round) => allButOne(folder, round).probes.map(({ file }) => file));
    expect(heldOut.toSorted()).toEqual(['1', '2', '3', '4', '5']);
    expect(allButOne(folder, 2).enrolled[1]).toEqual({ name: 'bea', photos: ['4', '5'] });
  });
});

describe('watchpost evaluate', () => {
  const run = (...args: string[]) => watchpost(['evaluate', ...args]);

  it('says what is wrong with a folder in a sentence, and ends with 1', async () => {
    expect(await run('/nonexistent/folder', '--json')).toEqual({
      code: 1,
      stdout: '',
      stderr: '/nonexistent/folder cannot be read: there is no such folder.\n(folder_invalid)\n',
    });
  });

  it('needs somebody with two photos', async () => {
    const { code, stderr } = await run(await folderOf({ 'ada/1.jpg': photo }));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Nobody in .* has two photos/);
  });

  it('needs a folder', async () => {
    const { code, stderr } = await run();
    expect(code).toBe(1);
    expect(stderr).toContain("missing required argument 'folder'");
  });
});
