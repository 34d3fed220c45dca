import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../src/log.ts';
import { startWorker } from '../../src/runner/worker.ts';
import type { Vision } from '../../src/vision/index.ts';
import { temporaryFolder, watchpost } from '../commands/support.ts';
import { atEnd } from '../support/at-end.ts';
import { emptySky, textFile } from '../support/bad-photos.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision } from '../support/pipeline.ts';
import { portrait } from '../support/portraits.ts';

let vision: Vision;
let database: TestDatabase;
let source: string;

const workOn = async (one: TestDatabase) => {
  const worker = await startWorker({ database: one, vision }, { concurrency: 2, log: openLog('silent') });
  atEnd(() => worker.stop());
};
const run = (one: TestDatabase, ...args: string[]) => watchpost(args, { DATABASE_URL: one.url });
const write = async (path: string, content: Buffer | string) => {
  await mkdir(join(source, path, '..'), { recursive: true });
  await writeFile(join(source, path), content);
};
/** Everybody, in a form that is the same for the same people in another database. */
const peopleOf = (one: TestDatabase) =>
  one.rows(
    `select p.name, p.external_ref, p.metadata,
            array(select w.name from watchpost.watchlist_entry e join watchpost.watchlist w on w.id = e.watchlist_id
                  where e.person_id = p.id order by 1) as watchlists,
            array(select s.state || ' ' || coalesce(s.chosen_face::text, '-') || ' ' || array_to_string(s.accept, ',')
                  from watchpost.photo_status s where s.person_id = p.id and s.state = 'enrolled'
                  order by s.person_photo_id) as photos
     from watchpost.person p order by p.name`,
  );
const countsOf = async (one: TestDatabase) =>
  (
    await one.rows(
      `select (select count(*)::int from watchpost.person) as people, (select count(*)::int from watchpost.image) as photos,
              (select count(*)::int from watchpost.reference) as "references"`,
    )
  )[0];

beforeAll(async () => {
  vision = await realVision();
  database = await freshDatabase();
  await workOn(database);
  source = join(await temporaryFolder(), 'people');
  await write('Ada/1.jpg', await portrait(vision, 3, 2));
  await write('Ada/2.jpg', await portrait(vision, 1, 3));
  await write(
    'Ada/person.json',
    JSON.stringify({ external_ref: 'hr-1', metadata: { floor: 2 }, watchlists: ['staff; night'] }),
  );
  await write('Grace/group.jpg', sample(4));
  await write('Grace/person.json', JSON.stringify({ name: 'Grace "H", Admiral', faces: { 'group.jpg': 1 } }));
  await write('Nobody/sky.jpg', await emptySky());
  await write('Broken/notes.jpg', textFile());
  await mkdir(join(source, 'Broken/folder.jpg'));
  await write('Odd/person.json', '{"name":');
  await write('Odd/1.jpg', await portrait(vision, 5, 1));
  await write('Impostor/1.jpg', await portrait(vision, 3, 3));
  await write('Impostor/person.json', JSON.stringify({ external_ref: 'hr-1' }));
  await write('_strangers/1.jpg', textFile());
  await write('read me.txt', 'ignored');
});

describe('watchpost import', () => {
  it('of a missing folder, or onto an unknown list, says so and adds nobody', async () => {
    const absent = await run(database, 'import', join(source, 'absent'));
    expect(absent.code).toBe(1);
    expect(absent.stderr).toMatch(/absent cannot be read: there is no such file or folder/);
    const unlisted = await run(database, 'import', source, '--watchlist', 'wanted');
    expect(unlisted.code).toBe(1);
    expect(unlisted.stderr).toMatch(/There is no watchlist "wanted"/);
    expect(await countsOf(database)).toEqual({ people: 0, photos: 0, references: 0 });
  });

  it('enrols who can be enrolled, and reports each refusal with file, code and sentence', async () => {
    const { code, stdout, stderr } = await run(database, 'import', source, '--add-watchlists', '--json');
    expect(code).toBe(1);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      people: { added: 3, known: 0 },
      photos: { enrolled: 3, known: 0, refused: 1 },
      ignored: [join(source, 'read me.txt')],
    });
    const refused = report.refused.map((one: { file: string; code: string }) => [
      one.file.slice(source.length + 1),
      one.code,
    ]);
    expect(refused.toSorted()).toEqual([
      ['Broken/folder.jpg', 'file_unreadable'],
      ['Broken/notes.jpg', 'image_format_unsupported'],
      ['Impostor', 'name_taken'],
      ['Nobody/sky.jpg', 'face_missing'],
      ['Odd', 'import_invalid'],
    ]);
    for (const { message } of report.refused) expect(message).toMatch(/^\S.+\.$/s);
    expect(stderr).toMatch(/^\d of 5 people$/m);
    expect(await peopleOf(database)).toEqual([
      {
        name: 'Ada',
        external_ref: 'hr-1',
        metadata: { floor: 2 },
        watchlists: ['staff; night'],
        photos: ['enrolled - ', 'enrolled - '],
      },
      {
        name: 'Grace "H", Admiral',
        external_ref: null,
        metadata: {},
        watchlists: [],
        photos: ['enrolled 1 '],
      },
      { name: 'Nobody', external_ref: null, metadata: {}, watchlists: [], photos: [] },
    ]);
  });

  it('may be run again: nothing is added twice, and refusals are reported again', async () => {
    const before = await countsOf(database);
    const { code, stdout } = await run(database, 'import', source, '--allow-refused', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      people: { added: 0, known: 3 },
      photos: { enrolled: 0, known: 3, refused: 1 },
    });
    expect(await countsOf(database)).toEqual(before);
  });
});

describe('watchpost export', () => {
  it('writes files and folders from which an import makes the same people', async () => {
    // One photo's bytes were dropped: its face is what is left.
    await database.rows(
      `update watchpost.image set bytes = null where id =
         (select f.image_id from watchpost.person_photo f join watchpost.person p on p.id = f.person_id
          where p.name = 'Ada' order by f.id limit 1)`,
    );
    const folder = join(await temporaryFolder(), 'out');
    const exported = await run(database, 'export', folder, '--json');
    expect(exported.code).toBe(0);
    expect(JSON.parse(exported.stdout)).toEqual({ people: 3, photos: 2, crops: 1 });
    expect((await readdir(join(folder, 'Ada'))).sort()).toEqual(['1-face.png', '2.jpg', 'person.json']);
    expect(await readFile(join(folder, 'Grace _H_, Admiral/1.jpg'))).toEqual(sample(4));
    expect((await run(database, 'export', folder)).stderr).toMatch(/is not empty/);

    const again = await freshDatabase();
    await workOn(again);
    const imported = await run(again, 'import', folder, '--add-watchlists', '--json');
    expect(JSON.parse(imported.stdout)).toMatchObject({
      people: { added: 3 },
      photos: { enrolled: 3 },
      refused: [],
    });
    expect(imported.code).toBe(0);
    expect(await peopleOf(again)).toEqual(await peopleOf(database));

    await rm(join(folder, 'people.csv'));
    const folders = await run(again, 'import', folder, '--json');
    expect(JSON.parse(folders.stdout)).toMatchObject({
      people: { added: 0, known: 3 },
      photos: { enrolled: 0, known: 3 },
      refused: [],
    });
  });
});
