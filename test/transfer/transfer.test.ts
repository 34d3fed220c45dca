import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Vision } from '../../src/vision/index.ts';
import { temporaryFolder, watchpost } from '../commands/support.ts';
import { emptySky, textFile } from '../support/bad-photos.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addKnownPerson, addModel } from '../support/fabricate.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { portrait } from '../support/portraits.ts';
import { Vectors } from '../support/vectors.ts';

let vision: Vision;
let database: TestDatabase;
let source: string;

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

/**
 * Every column of every row that belongs to people and lists, also columns that are added to the tables later. Left out are
 * keys, what counts changes (version, changed_at), and when a photo was submitted.
 */
const rowsOf = async (one: TestDatabase) => {
  const ids = `'{id,person_id,other_person_id,watchlist_id,image_id,face_id,alert_id,detector_id}'::text[]`;
  const [all] = await one.rows(
    `with person as (
       select p.*, p.name || coalesce(' ' || p.external_ref, '') || p.metadata as key from watchpost.person p
     )
     select
       array(select to_jsonb(p) - ${ids} from person p order by p.key, p.created_at) as people,
       array(select to_jsonb(w) - ${ids} - '{version,changed_at,cameras}'::text[] || jsonb_build_object(
               'for', array(select c.name from watchpost.camera c where c.id = any (w.cameras) order by 1)
             ) from watchpost.watchlist w order by w.name) as lists,
       array(select to_jsonb(c) - ${ids} from watchpost.camera c order by c.name) as cameras,
       array(select to_jsonb(e) - ${ids} || jsonb_build_object('list', w.name, 'person', p.key)
             from watchpost.watchlist_entry e join watchpost.watchlist w on w.id = e.watchlist_id
             join person p on p.id = e.person_id order by w.name, p.key) as entries,
       array(select to_jsonb(f) - ${ids} - 'created_at' || jsonb_build_object('person', p.key, 'photo', i.sha256)
             from watchpost.person_photo f join watchpost.image i on i.id = f.image_id join person p on p.id = f.person_id
             where exists (select from watchpost.reference r where r.person_photo_id = f.id)
             order by p.key, f.id) as photos,
       array(select to_jsonb(c) - ${ids} || jsonb_build_object(
               'person', p.key, 'other', o.key, 'face', to_jsonb(f) - ${ids} - '{created_at,ordinal}'::text[],
               'seen', i.captured_at)
             from watchpost.cannot_link c join person p on p.id = c.person_id left join person o on o.id = c.other_person_id
             left join watchpost.face f on f.id = c.face_id left join watchpost.image i on i.id = f.image_id
             order by c.created_at) as links`,
  );
  return all;
};

beforeAll(async () => {
  vision = await realVision();
  database = await freshDatabase();
  await runWorker(database, vision);
  source = join(await temporaryFolder(), 'people');
  await write('Ada/1.jfif', await portrait(vision, 3, 2));
  await write('Ada/2', await portrait(vision, 1, 3));
  await write(
    'Ada/person.json',
    JSON.stringify({ external_ref: 'hr-1', metadata: { floor: 2 }, watchlists: ['staff; night'] }),
  );
  await write('Grace/group.jpg', sample(4));
  await write('Grace/person.json', JSON.stringify({ name: 'Grace "H", Admiral', faces: { 'group.jpg': 1 } }));
  await write('Nobody/sky.jpg', await emptySky());
  await write('Broken/notes.jpg', textFile());
  await write('Odd/person.json', '{"name":');
  await write('Odd/1.jpg', await portrait(vision, 5, 1));
  await write('Impostor/1.jpg', await portrait(vision, 3, 3));
  await write('Impostor/person.json', JSON.stringify({ external_ref: 'hr-1' }));
  await write('@eaDir/1.jpg', sample(5));
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

  it('enrols who can be enrolled, reports each refusal, and adds nobody without a photo that can be used', async () => {
    const { code, stdout, stderr } = await run(database, 'import', source, '--add-watchlists', '--json');
    expect(code).toBe(1);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      people: { added: 2, known: 0, refused: 4 },
      photos: { enrolled: 3, known: 0, refused: 2 },
      ignored: [join(source, 'read me.txt')],
    });
    const refused = report.refused.map((one: { file: string; code: string }) => [
      one.file.slice(source.length + 1),
      one.code,
    ]);
    expect(refused.toSorted()).toEqual([
      ['Broken/notes.jpg', 'image_format_unsupported'],
      ['Impostor', 'name_taken'],
      ['Nobody/sky.jpg', 'face_missing'],
      ['Odd', 'import_invalid'],
    ]);
    for (const { message } of report.refused) expect(message).toMatch(/^\S.+\.$/s);
    expect(report.without_photo).toEqual(
      ['Broken', 'Impostor', 'Nobody'].map((person) => ({ person, at: join(source, person), id: null })),
    );
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
    ]);
  });

  it('may be run again: nothing is added twice, and refusals are reported again', async () => {
    const before = await countsOf(database);
    const { code, stdout } = await run(database, 'import', source, '--allow-refused');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^people {3}0 added, 2 known before, 4 not added\n/);
    expect(stdout).toMatch(/^photos {3}0 enrolled, 3 known before, 2 refused$/m);
    expect(stdout).toMatch(/^not added {2}Nobody, .*Nobody: no photo can be used$/m);
    expect(await countsOf(database)).toEqual(before);
  });

  it('names somebody who is there without a photo, and how to enrol one', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'people.csv');
    await writeFile(file, 'name,external_ref\nLater,hr-9\n');
    const { code, stdout } = await run(database, 'import', file);
    expect(code).toBe(1);
    const [{ id }] = await database.rows(`select id from watchpost.person where external_ref = 'hr-9'`);
    expect(stdout).toContain(
      `no photo  Later, ${file}, person 1: enrol one with "person photo add ${id} FILE"`,
    );
    await run(database, 'person', 'remove', 'hr-9');
  });
});

describe('watchpost export', () => {
  let folder: string;
  let again: TestDatabase;

  /** Everything that was lost once, or could be. */
  beforeAll(async () => {
    await database.rows(
      `insert into watchpost.camera (name, location, zone, faces) values
         ('gate; north', 'North gate', 'outside', 'far'), ('yard', 'Yard', null, 'near');
       insert into watchpost.watchlist (name, purpose, severity, threshold_name, cooldown, reviewers, page_retroactive) values
         ('wanted', 'by, "them"', 'critical', 'strict', '90 seconds', 2, true);
       insert into watchpost.watchlist (name, threshold, enabled, valid_from, valid_until) values
         ('["a"]', 0.62, false, '2020-01-01T00:00:00.123456Z', '2099-01-01T00:00:00Z');
       -- Its calibration is not part of an export.
       insert into watchpost.watchlist (name, threshold, target_fpir) values ('by rate', 0.57, 0.003);
       insert into watchpost.watchlist (name) values ('over');
       insert into watchpost.person (name, created_at) values ('Jo', '2021-02-03T04:05:06.789012Z'), ('Jo', now()), ('..  ..', now());
       insert into watchpost.watchlist_entry (watchlist_id, person_id, created_at)
         select w.id, p.id, '2022-02-03T04:05:06.789012Z' from watchpost.watchlist w, watchpost.person p
         where (w.name, p.name) in (('wanted', 'Ada'), ('over', 'Ada'), ('over', '..  ..'), ('["a"]', '..  ..'));
       update watchpost.watchlist
         set color = '#d4201a', sound = 'bell', must_acknowledge = true, zones = '{outside}',
           cameras = array(select c.id from watchpost.camera c where c.name = 'yard')
         where name = 'wanted';
       update watchpost.watchlist set valid_until = now() - interval '1 day' where name = 'over'`,
    );
    // A twin, whom the gate would refuse without the cannot_link.
    const [twin] = await database.rows(
      `with twin as (insert into watchpost.person (name) values ('Ada''s twin') returning id)
       insert into watchpost.cannot_link (person_id, other_person_id, reason, created_by)
       select t.id, p.id, 'twins', 'Jos\u00e9' from twin t, watchpost.person p where p.name = 'Ada' returning person_id as id`,
    );
    // Another face of a photo that has enrolled somebody.
    const [hopper] = await database.rows(
      `insert into watchpost.person (name) values ('Hopper') returning id`,
    );
    for (const [person, bytes, face] of [
      [twin.id, await portrait(vision, 3, 2), null],
      [hopper.id, sample(4), 3],
    ]) {
      const [{ image_id }] = await database.rows('select * from watchpost.add_person_photo($1, $2, $3)', [
        person,
        bytes,
        face,
      ]);
      expect(await untilFinal(database, image_id)).toMatchObject({ state: 'done' });
    }
    // A face of somebody who was seen and is not Ada.
    const frame = await submit(database, sample(5), 'yard');
    await untilFinal(database, frame);
    await database.rows(
      `insert into watchpost.cannot_link (person_id, face_id, reason)
       select p.id, f.id, 'her sister' from watchpost.person p, watchpost.face f
       where p.name = 'Ada' and f.image_id = $1 and f.ordinal = 2`,
      [frame],
    );
    again = await freshDatabase();
    await runWorker(again, vision);
    folder = join(await temporaryFolder(), 'out');
  });

  it('writes folders from which an import makes the same rows, save keys', async () => {
    const exported = await run(database, 'export', folder, '--json');
    expect(exported).toMatchObject({ code: 0, stderr: expect.stringMatching(/7 of 7 people/) });
    expect(JSON.parse(exported.stdout)).toEqual({
      people: 7,
      photos: 5,
      crops: 0,
      cameras: 2,
      watchlists: 5,
      cannot_links: 2,
    });
    expect(await readFile(join(folder, 'Grace _H_, Admiral/1.jpg'))).toEqual(sample(4));

    const imported = await run(again, 'import', folder, '--json');
    expect(JSON.parse(imported.stdout)).toMatchObject({
      people: { added: 7, known: 0, refused: 0 },
      photos: { enrolled: 5, refused: 0 },
      cameras: { added: 2 },
      watchlists: { added: 5 },
      refused: [],
      without_photo: [{ person: 'Jo' }, { person: 'Jo' }, { person: '..  ..' }],
    });
    expect(await rowsOf(again)).toEqual(await rowsOf(database));
  });

  it('is imported once: a second time everything is known', async () => {
    const before = await rowsOf(again);
    const { code, stdout } = await run(again, 'import', folder, '--allow-refused', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      people: { added: 0, known: 7, refused: 0 },
      photos: { enrolled: 0, known: 5, refused: 0 },
      cameras: { added: 0 },
      watchlists: { added: 0 },
      refused: [],
    });
    expect(await rowsOf(again)).toEqual(before);
  });

  it('changes no list or camera that is there with other settings, and says so', async () => {
    await again.rows(
      `update watchpost.watchlist set severity = 'info', threshold = 0.7 where name = 'wanted'`,
    );
    await again.rows(`update watchpost.camera set location = 'Elsewhere' where name = 'yard'`);
    const { code, stdout } = await run(again, 'import', folder, '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout).refused).toMatchObject([
      {
        code: 'name_taken',
        message: expect.stringMatching(/^The camera "yard" is there with another location:/),
      },
      {
        code: 'name_taken',
        message: expect.stringMatching(
          /^The watchlist "wanted" is there with another severity, threshold_name:/,
        ),
      },
    ]);
    expect(
      await again.rows(`select severity, threshold from watchpost.watchlist where name = 'wanted'`),
    ).toEqual([{ severity: 'info', threshold: 0.7 }]);
  });

  it('of two people who look alike and were accepted as two can be imported in any order', async () => {
    const alike = await freshDatabase();
    const vectors = new Vectors(64, 9);
    const model = await addModel(alike, 'sixty-four-numbers', 64);
    const vector = vectors.any();
    const add = (name: string, of: number[]) => addKnownPerson(alike, { name, model, vector: of });
    await add('Ada', vector);
    const twin = await add('Twin', vectors.near(vector, 0.8));
    await add('Grace', vectors.any());
    await alike.rows(`update watchpost.person_photo set accept = '{face_of_another}' where person_id = $1`, [
      twin.personId,
    ]);
    const place = join(await temporaryFolder(), 'out');
    expect(await run(alike, 'export', place)).toMatchObject({ code: 0 });
    const accepted = async (name: string) =>
      JSON.parse(await readFile(join(place, name, 'person.json'), 'utf8')).accept;
    expect(await accepted('Ada')).toEqual({ '1.jpg': ['face_of_another'] });
    expect(await accepted('Twin')).toEqual({ '1.jpg': ['face_of_another'] });
    expect(await accepted('Grace')).toEqual({});
  });

  it('is refused into a folder that is not empty', async () => {
    expect((await run(database, 'export', folder)).stderr).toMatch(/is not empty/);
  });

  it('writes the face of a photo that was dropped, and an import enrols it', async () => {
    await database.rows(
      `update watchpost.image set bytes = null where id =
         (select f.image_id from watchpost.person_photo f join watchpost.person p on p.id = f.person_id
          where p.name = 'Ada' order by f.id limit 1)`,
    );
    const second = join(await temporaryFolder(), 'out');
    const exported = await run(database, 'export', second, '--json');
    expect(JSON.parse(exported.stdout)).toMatchObject({ people: 7, photos: 4, crops: 1 });
    expect((await readdir(join(second, 'Ada'))).sort()).toEqual(['1-face.png', '2.jpg', 'person.json']);
    for (const name of await readdir(second))
      if (name !== 'Ada') await rm(join(second, name), { recursive: true });
    const imported = await run(again, 'import', second, '--json');
    expect(JSON.parse(imported.stdout)).toMatchObject({
      people: { added: 0, known: 1 },
      photos: { enrolled: 1, known: 1, refused: 0 },
    });
  });
});
