import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';

/** Real photos through the real pipeline. Ada is face 2 of sample 3 and face 3 of sample 1. */
describe('enrolling', () => {
  let database: TestDatabase;
  let listId: string;

  beforeAll(async () => {
    database = await freshDatabase();
    await runWorker(database, await realVision());
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name) values ('wanted') returning id`,
    );
    listId = list.id;
  });

  const makePerson = async (name: string): Promise<string> => {
    const [person] = await database.rows('insert into watchpost.person (name) values ($1) returning id', [
      name,
    ]);
    await database.rows('insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)', [
      listId,
      person.id,
    ]);
    return person.id;
  };
  const add = async (person: string, bytes: Buffer, face: number | null = null): Promise<string> => {
    const [photo] = await database.rows('select * from watchpost.add_person_photo($1, $2, $3::smallint)', [
      person,
      bytes,
      face,
    ]);
    return photo.person_photo_id;
  };
  /** The photo once it is enrolled or refused. */
  const ended = async (photo: string) => {
    for (;;) {
      const [row] = await database.rows('select * from watchpost.photo_status where person_photo_id = $1', [
        photo,
      ]);
      if (row.state === 'enrolled' || row.state === 'refused') return row;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const facesOf = (image: string): Promise<{ id: string }[]> =>
    database.rows('select id from watchpost.face where image_id = $1 order by ordinal', [image]);

  it.each<[string, RegExp, () => Promise<Buffer>, number]>([
    [
      'face_small',
      /^The face is \d\d pixels high, and needs 48\./,
      () => sharp(sample(6)).resize({ width: 200 }).jpeg().toBuffer(),
      2,
    ],
    [
      'face_blurred',
      /^The face is blurred: its sharpness is \d\.\d, and at least 10 is needed\./,
      () => sharp(sample(6)).blur(10).jpeg().toBuffer(),
      2,
    ],
  ])('refuses with %s, and gives the value and the limit', async (code, message, spoil, face) => {
    const photo = await add(await makePerson('Spoilt'), await spoil(), face);
    expect(await ended(photo)).toMatchObject({
      state: 'refused',
      code,
      message: expect.stringMatching(message),
      reference_id: null,
    });
  });

  it('refuses a photo of somebody else, in two ways, and accepts one of the same woman', async () => {
    const ada = await makePerson('Ada');
    expect(await ended(await add(ada, sample(3), 2))).toMatchObject({ state: 'enrolled' });
    expect(await ended(await add(ada, sample(4), 1))).toMatchObject({
      state: 'refused',
      code: 'face_unlike',
      message: expect.stringMatching(
        /^The face is unlike every other photo of 'Ada' \(\S{36}\): the best similarity is /,
      ),
    });
    const bea = await makePerson('Bea');
    expect(await ended(await add(bea, sample(1), 3))).toMatchObject({
      state: 'refused',
      code: 'face_of_another',
      message: expect.stringMatching(
        new RegExp(
          `looks like 'Ada' \\(${ada}\\), who is enrolled already: similarity 0\\.7\\d\\d.* If they are one person, merge`,
        ),
      ),
      looks_like: ada,
    });
    expect(await database.rows('select from watchpost.dead_letter')).toEqual([]);
    expect(await ended(await add(ada, sample(1), 3))).toMatchObject({ state: 'enrolled' });
    const [best] = await database.rows('select norm from watchpost.best_photo where person_id = $1', [ada]);
    const norms = await database.rows(
      `select norm from watchpost.photo_status where person_id = $1 and state = 'enrolled'`,
      [ada],
    );
    expect(best.norm).toBe(Math.max(...norms.map((row) => row.norm)));
  });

  it('enrols a refused photo after its code was accepted', async () => {
    const person = await makePerson('In profile');
    const photo = await add(person, sample(2), 1);
    const refused = await ended(photo);
    expect(refused.state).toBe('refused');
    const gate = refused.gate.map((reason: string) => `face_${reason}`);
    await database.rows('select watchpost.accept_photo($1, $2)', [
      photo,
      [...gate, 'face_low_norm', 'face_of_another'],
    ]);
    for (;;) {
      const [row] = await database.rows(
        'select state from watchpost.photo_status where person_photo_id = $1',
        [photo],
      );
      if (row.state === 'enrolled') break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it('enrols two faces of one frame without processing it again, and still searches the frame', async () => {
    const frame = await submit(database, sample(5));
    await untilFinal(database, frame);
    const faces = await facesOf(frame);
    const people = [await makePerson('First'), await makePerson('Second')];
    const photos = [];
    for (const [index, person] of people.entries()) {
      const [row] = await database.rows('select watchpost.enrol_face($1, $2) as id', [
        person,
        faces[2 * index]?.id,
      ]);
      photos.push(row.id);
    }
    for (const photo of photos)
      expect(await ended(photo)).toMatchObject({ state: 'enrolled', image_id: frame });
    const detections = await database.rows(
      `select from watchpost.event_task where image_id = $1 and task in ('detect', 'embed')`,
      [frame],
    );
    expect(detections, 'one detection, and one embedding a face').toHaveLength(1 + faces.length);
    expect(await untilFinal(database, frame)).toMatchObject({ state: 'done', faces: faces.length });

    const again = await submit(database, sample(5));
    const found = await untilFinal(database, again);
    expect(found).toMatchObject({ state: 'done', matches: 2 });
    const names = await database.rows(
      'select person from watchpost.sighting where image_id = $1 order by person',
      [again],
    );
    expect(names).toEqual([{ person: 'First' }, { person: 'Second' }]);
  });

  it('of a refused face leaves its frame unchanged', async () => {
    const frame = await submit(database, sample(2));
    await untilFinal(database, frame);
    const [face] = await facesOf(frame);
    const [row] = await database.rows('select watchpost.enrol_face($1, $2) as id', [
      await makePerson('From the side'),
      face?.id,
    ]);
    expect(await ended(row.id)).toMatchObject({ state: 'refused', code: 'face_profile' });
    expect(await untilFinal(database, frame)).toMatchObject({ state: 'done', code: null });
  });

  it('of a photo with several faces continues after the face is chosen', async () => {
    const photo = await add(await makePerson('Of four'), sample(4));
    expect(await ended(photo)).toMatchObject({ state: 'refused', code: 'faces_several' });
    const [row] = await database.rows('select watchpost.correct_photo($1, 2::smallint) as id', [photo]);
    expect(await ended(row.id)).toMatchObject({ state: 'enrolled', chosen_face: 2 });
    const [status] = await database.rows(
      'select image_id from watchpost.photo_status where person_photo_id = $1',
      [photo],
    );
    expect(await untilFinal(database, status.image_id)).toMatchObject({ state: 'done' });
  });

  it('of the wrong face can be corrected: its matches are withdrawn, and the right face is enrolled', async () => {
    const person = await makePerson('Mistaken');
    const wrong = await add(person, sample(6), 1);
    expect(await ended(wrong)).toMatchObject({ state: 'enrolled' });
    const frame = await submit(database, sample(6));
    expect(await untilFinal(database, frame)).toMatchObject({ matches: 1 });
    const [row] = await database.rows('select watchpost.correct_photo($1, 2::smallint) as id', [wrong]);
    expect(await ended(row.id)).toMatchObject({ state: 'enrolled', chosen_face: 2 });
    const [mistaken] = await database.rows(
      `select count(*)::int as n from watchpost.match as m join watchpost.face as f on f.id = m.face_id
       where f.image_id = $1 and f.ordinal = 1 and m.superseded_at is null`,
      [frame],
    );
    expect(mistaken.n).toBe(0);
  });
});
