import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSource } from '../../src/transfer/source.ts';
import { temporaryFolder } from '../commands/support.ts';

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});
const csv = async (text: string): Promise<string> => {
  const file = join(folder, `${Math.random()}.csv`);
  await writeFile(file, text);
  return file;
};

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
          watchlists: ['staff', 'night'],
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
          watchlists: ['a;b'],
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
    ['no column name', 'who\nAda\n', /no column name/],
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
    const source = await readSource(people);
    expect(source.people.map((person) => person.name)).toEqual(['Bea']);
    expect(source.refused).toMatchObject([{ person: 'Ada', code: 'file_unreadable' }]);
  });
});
