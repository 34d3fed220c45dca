import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPerson, addModel } from '../support/fabricate.ts';
import { watchpost } from './support.ts';

let database: TestDatabase;
let model: string;

beforeAll(async () => {
  database = await freshDatabase();
  model = await addModel(database, 'four-numbers', 4);
});

const run = (...args: string[]) => watchpost(args, { DATABASE_URL: database.url });

describe('watchlist', () => {
  it('set changes the given fields only, list shows whether a list is searched', async () => {
    await database.rows(
      `insert into watchpost.watchlist (name, severity) values ('staff', 'info'), ('wanted', 'critical')`,
    );
    const set = await run(
      'watchlist',
      'set',
      'staff',
      '--threshold',
      '0.6',
      '--no-enabled',
      '--valid-until',
      '2099-01-01T00:00:00Z',
    );
    expect(set).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^staff {2}\S+ {2}threshold 0\.6 {2}version 2\n$/),
    });
    const { stdout } = await run('watchlist', 'list');
    expect(stdout).toMatch(/^staff +info +0\.6 +0 +no +2099-01-01T00:00:00\.000Z +2 /m);
    expect(stdout).toMatch(/^wanted +critical +0\.5 \(default\) +0 +yes +1 /m);
    const strict = await run('watchlist', 'set', 'wanted', '--threshold', 'strict');
    expect(strict.stdout).toMatch(/ {2}threshold 0\.55 \(strict\) {2}version 2\n$/);
    const [list] = await database.rows(
      `select threshold_name from watchpost.watchlist where name = 'wanted'`,
    );
    expect(list).toEqual({ threshold_name: 'strict' });
  });

  it('refuses invalid values with a sentence', async () => {
    const past = await run('watchlist', 'add', 'over', '--valid-until', '2020-01-01T00:00:00Z');
    expect(past).toMatchObject({ code: 1, stdout: '' });
    expect(past.stderr).toMatch(/^The list 'over' would have ended already.*\nGive a later valid_until/);
    const two = await run('watchlist', 'set', 'wanted', '--threshold', '0.5', '--target-fpir', '0.01');
    expect(two.stderr).toMatch(/--threshold or --target-fpir/);
    const high = await run('watchlist', 'set', 'wanted', '--threshold', '1.5');
    expect(high.stderr).toMatch(/Give a number from 0 to 1, or one of loose, default, strict/);
    const unknown = await run('watchlist', 'set', 'wanted', '--threshold', 'severe');
    expect(unknown.stderr).toMatch(/'severe' is invalid\. Give a number/);
  });

  it('put and take accept a name that only one person has', async () => {
    await database.rows(
      `insert into watchpost.person (name, external_ref) values ('Ada', null), ('Twin', 't-1'), ('Twin', 't-2')`,
    );
    const [ada, twin, second] = await Promise.all([
      run('watchlist', 'put', 'wanted', 'Ada'),
      run('watchlist', 'put', 'wanted', 'Twin'),
      run('watchlist', 'put', 'wanted', 't-2'),
    ]);
    expect(ada?.stdout).toBe('Ada is on wanted\n');
    expect(twin?.stderr).toMatch(/^Several people are called Twin/);
    expect(second?.stdout).toBe('Twin is on wanted\n');
    expect((await run('person', 'list', '--watchlist', 'wanted')).stdout).toMatch(
      /^Ada {2}\S+ {2}photos=0 {2}wanted\nTwin {2}\S+ {2}t-2 {2}photos=0 {2}wanted\n$/,
    );
  });

  it('put and take several people, name whom they do not know, and end with 1', async () => {
    const { code, stdout, stderr } = await run('watchlist', 'put', 'wanted', 't-1', 'Adda', 'Ada');
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'Twin is on wanted\nAda is on wanted\n' });
    expect(stderr).toBe('Adda: There is no person "Adda". (person_unknown)\n2 of 3 are done.\n');
    expect(await run('watchlist', 'take', 'wanted', 't-1', 't-2')).toEqual({
      code: 0,
      stdout: 'Twin is off wanted\nTwin is off wanted\n',
      stderr: '',
    });
  });

  it('take and remove undo that', async () => {
    expect((await run('watchlist', 'take', 'wanted', 'Ada')).stdout).toBe('Ada is off wanted\n');
    expect((await run('watchlist', 'remove', 'wanted')).code).toBe(0);
    expect(await database.rows(`select from watchpost.watchlist where name = 'wanted'`)).toEqual([]);
  });
});

describe('person', () => {
  let personId: string;
  let photo: string;

  beforeAll(async () => {
    const grace = await addKnownPerson(database, { name: 'Grace', model, vector: [1, 0, 0, 0] });
    personId = grace.personId;
    [{ photo }] = (await database.rows(
      'select person_photo_id as photo from watchpost.reference where id = $1',
      [grace.referenceId],
    )) as [{ photo: string }];
  });

  it('set changes the given fields, and photo remove removes a photo', async () => {
    const set = await run(
      'person',
      'set',
      personId,
      '--name',
      'Grace H.',
      '--ref',
      'g-1',
      '--metadata',
      '{"rank": 1}',
    );
    expect(set.stdout).toBe(`Grace H.  ${personId}\n`);
    const removed = await run('person', 'photo', 'remove', photo, '--reason', 'another woman');
    expect(removed.stdout).toBe(`${photo} is removed\n`);
  });

  it('enrol-face enrols a face of a probe, and show lists all photos', async () => {
    const { faceId } = await addFace(database, { model, vector: [0, 1, 0, 0] });
    const enrolled = await run('person', 'enrol-face', 'g-1', faceId, '--accept', 'face_unlike');
    const [json, text] = await Promise.all([
      run('person', 'show', 'g-1', '--json'),
      run('person', 'show', 'g-1'),
    ]);
    expect(JSON.parse(json?.stdout ?? '')).toMatchObject({
      name: 'Grace H.',
      metadata: { rank: 1 },
      photos: [
        { id: photo, state: 'removed', message: 'another woman' },
        { id: enrolled.stdout.trim(), state: 'received', accept: ['face_unlike'] },
      ],
    });
    expect(text?.stdout).toMatch(/^Grace H\. {2}\S+ {2}no list\nlegal basis \w+\nphoto +state/);
  });

  it('merge makes one person of two, who answers to both names, and unmerge two again', async () => {
    const [first, second, third] = await Promise.all([
      addKnownPerson(database, { name: 'Hedy', model, vector: [0, 0, 1, 0] }),
      addKnownPerson(database, { name: 'Hedy', model, vector: [0, 0, 0.9, 0.1] }),
      addKnownPerson(database, { name: 'H. Lamarr', model, vector: [0, 0, 0.8, 0.2] }),
    ]);
    const [keep, merged, other] = [first?.personId ?? '', second?.personId ?? '', third?.personId ?? ''];
    expect((await run('person', 'merge', 'Hedy', 'H. Lamarr')).stderr).toMatch(
      /^Several people are called Hedy/,
    );
    const done = await run('person', 'merge', keep, merged, '--note', 'entered twice');
    expect(done).toMatchObject({
      code: 0,
      stdout: `Hedy (${merged}) is merged into Hedy (${keep})\n  photos: 1\n  to undo it: person unmerge ${merged}\n`,
    });
    expect((await run('person', 'merge', 'Hedy', 'H. Lamarr')).code, 'there is one Hedy now').toBe(0);
    const [shown, list, again, missing] = await Promise.all([
      run('person', 'show', merged),
      run('person', 'list', '--name', 'H'),
      run('person', 'merge', other, keep),
      run('person', 'unmerge', keep),
    ]);
    expect(shown?.stdout).toMatch(
      new RegExp(`^Hedy  ${keep}[\\s\\S]*made of H\\. Lamarr  ${other} too\n  made of Hedy  ${merged} too`),
    );
    expect(list?.stdout).toMatch(new RegExp(`^Hedy  ${keep}  photos=3\n$`));
    expect(again?.stderr).toMatch(
      /'H\. Lamarr' was merged into 'Hedy'.*\n.*undo the merge first[\s\S]*person_merged/,
    );
    expect(missing?.stderr).toMatch(/"Hedy" is not merged into anybody[\s\S]*merge_missing/);
    const early = await run('person', 'unmerge', merged);
    expect(early.stderr).toMatch(
      /The merge of 'H\. Lamarr' came later; undo that first\.[\s\S]*merge_not_latest/,
    );
    expect((await run('person', 'unmerge', 'H. Lamarr')).stdout).toMatch(
      /^H\. Lamarr \(\S+\) is a person of their own again, apart from Hedy\n/,
    );
    expect((await run('person', 'unmerge', merged)).code).toBe(0);
    expect((await run('person', 'list', '--name', 'H')).stdout.split('\n')).toHaveLength(4);
  });

  it('photo accept accepts only known codes, and remove forgets a person', async () => {
    const [ugly, gone] = await Promise.all([
      run('person', 'photo', 'accept', photo, 'face_ugly'),
      run('person', 'remove', 'g-1'),
    ]);
    expect(ugly?.stderr).toMatch(/Give one of face_small/);
    expect(gone?.stdout).toBe('Grace H. is forgotten\n');
    expect((await run('person', 'show', 'g-1')).stderr).toBe('There is no person "g-1".\n(person_unknown)\n');
  });
});
