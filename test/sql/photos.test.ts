import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPerson, addMatch, addModel, addReference } from '../support/fabricate.ts';
import { Vectors } from '../support/vectors.ts';

const limits = { unlike: 0.25, alike: 0.5 };

describe('photos of people', () => {
  let database: TestDatabase;
  let model: string;
  let vectors: Vectors;
  let listId: string;

  beforeAll(async () => {
    database = await freshDatabase();
    model = await addModel(database, 'many-numbers', 256);
    vectors = new Vectors(256, 7);
  });
  beforeEach(async () => {
    const [list] = await database.rows(`insert into watchpost.watchlist (name) values ($1) returning id`, [
      `list ${Math.random()}`,
    ]);
    listId = list.id;
  });

  const know = (name: string, vector: readonly number[]) =>
    addKnownPerson(database, { name, model, vector, watchlists: [listId] });
  const photoOf = async (referenceId: string): Promise<string> =>
    (
      await database.rows('select person_photo_id as id from watchpost.reference where id = $1', [
        referenceId,
      ])
    )[0].id;
  const enrolFace = async (person: string, face: string, accept: string[] = []): Promise<string> =>
    (await database.rows('select watchpost.enrol_face($1, $2, $3) as id', [person, face, accept]))[0].id;
  /** What the enrol stage does, for the embedding that the photo's event names. */
  const enrol = async (photo: string): Promise<string> => {
    const [row] = await database.rows(
      `select watchpost.enrol_reference($1, (e.payload ->> 'embedding_id')::uuid, $2::real, $3::real) as id
       from watchpost.event as e where e.topic = 'photo.embedded' and e.payload ->> 'person_photo_id' = $1::uuid::text`,
      [photo, limits.unlike, limits.alike],
    );
    return row.id;
  };
  const eventsOf = (subject: string) =>
    database.rows(
      'select topic, image_id, payload from watchpost.full_event where subject_id = $1 order by id',
      [subject],
    );
  /** A sighting that was found by this reference, with its alert. */
  const sight = async (personId: string, referenceId: string) => {
    const matchId = await addMatch(database, {
      model,
      personId,
      watchlistId: listId,
      similarity: 0.9,
      capturedAt: new Date().toISOString(),
    });
    const [row] = await database.rows(
      `update watchpost.match as m set reference_id = $2 from watchpost.face as f
       where m.id = $1 and f.id = m.face_id returning f.image_id`,
      [matchId, referenceId],
    );
    const [alert] = await database.rows('select watchpost.raise_alert($1) as id', [matchId]);
    return { matchId, alertId: alert.id, imageId: row.image_id };
  };
  const standing = async (table: string, id: string, mark = 'superseded_at') =>
    (await database.rows(`select ${mark} is null as stands from watchpost.${table} where id = $1`, [id]))[0]
      ?.stands;

  it('take a person back only if none was enrolled, and nobody has given another one', async () => {
    const [eve] = await database.rows(`insert into watchpost.person (name) values ('Eve') returning id`);
    const add = async () =>
      (
        await database.rows(`select person_photo_id as id from watchpost.add_person_photo($1, '\\x01')`, [
          eve.id,
        ])
      )[0].id;
    const takeBack = async (person: string, photos: string[]) =>
      (await database.rows('select watchpost.take_back_person($1, $2) as gone', [person, photos]))[0].gone;
    const [first, second] = [await add(), await add()];
    expect(await takeBack(eve.id, [first])).toBe(false);
    expect(await takeBack(eve.id, [first, second])).toBe(true);
    expect(await database.rows(`select from watchpost.person where id = $1`, [eve.id])).toEqual([]);
    expect(await takeBack(eve.id, [first, second])).toBe(true);
    const { personId, referenceId } = await know('Fay', [1, ...Array(255).fill(0)]);
    expect(await takeBack(personId, [await photoOf(referenceId)])).toBe(false);
  });

  describe('enrol_face()', () => {
    it('makes a stored face a photo of a person, which goes to the gate at once', async () => {
      const { personId } = await know('Ada', vectors.any());
      const { imageId, faceId, embeddingId } = await addFace(database, { model, vector: vectors.any() });
      const photo = await enrolFace(personId, faceId, ['face_unlike']);
      expect(await eventsOf(photo)).toEqual([]);
      expect(
        await database.rows(
          `select topic, image_id, payload, tasks from watchpost.event
           where subject_id = $1 and topic = 'photo.embedded'`,
          [embeddingId],
        ),
      ).toEqual([
        {
          topic: 'photo.embedded',
          image_id: imageId,
          payload: {
            image_id: imageId,
            person_id: personId,
            person_photo_id: photo,
            face_id: faceId,
            embedding_id: embeddingId,
          },
          tasks: ['enrol'],
        },
      ]);
      const referenceId = await enrol(photo);
      expect(await eventsOf(referenceId)).toEqual([
        {
          topic: 'person.enrolled',
          image_id: imageId,
          payload: {
            image_id: imageId,
            reference_id: referenceId,
            person_id: personId,
            person_photo_id: photo,
            model_id: model,
          },
        },
      ]);
    });

    it('gives the same photo when it is called again, and makes one event', async () => {
      const { personId } = await know('Ada', vectors.any());
      const { faceId, embeddingId } = await addFace(database, { model, vector: vectors.any() });
      const first = await enrolFace(personId, faceId);
      expect(await enrolFace(personId, faceId)).toBe(first);
      const embedded = (await eventsOf(embeddingId)).filter(({ topic }) => topic === 'photo.embedded');
      expect(embedded).toHaveLength(1);
    });

    it('refuses a face that is a photo of another person, and names the person', async () => {
      const ada = await know('Ada', vectors.any());
      const bea = await know('Bea', vectors.any());
      const { faceId } = await addFace(database, { model, vector: vectors.any() });
      await enrolFace(ada.personId, faceId);
      await expect(enrolFace(bea.personId, faceId)).rejects.toMatchObject({
        code: 'WP035',
        message: "This face is already a photo of 'Ada'.",
      });
    });

    it.skipIf(!onServer)(
      `gives it to one of two people when both are requested at once ${needsServer}`,
      async () => {
        const ada = await know('Ada', vectors.any());
        const bea = await know('Bea', vectors.any());
        const { faceId } = await addFace(database, { model, vector: vectors.any() });
        const client = await connectClient(database);
        await client.query('begin');
        await client.query('select watchpost.enrol_face($1, $2)', [ada.personId, faceId]);
        const second = enrolFace(bea.personId, faceId).catch((error) => error);
        await untilBlocked(database);
        await client.query('commit');
        expect(await second).toMatchObject({ code: 'WP035' });
      },
    );

    it('refuses a person, a face or a photo that is not known', async () => {
      const { personId, referenceId } = await know('Ada', vectors.any());
      const { faceId } = await addFace(database, { model, vector: vectors.any() });
      await expect(enrolFace(referenceId, faceId)).rejects.toMatchObject({ code: 'WP004' });
      await expect(enrolFace(personId, referenceId)).rejects.toMatchObject({ code: 'WP037' });
      await expect(
        database.rows(`select watchpost.remove_photo($1, 'why')`, [personId]),
      ).rejects.toMatchObject({ code: 'WP038' });
    });

    it('accepts codes of the gate only', async () => {
      const { personId } = await know('Ada', vectors.any());
      const { faceId } = await addFace(database, { model, vector: vectors.any() });
      await expect(enrolFace(personId, faceId, ['face_ugly'])).rejects.toMatchObject({
        constraint: 'person_photo_accept',
      });
    });
  });

  describe('a person_photo that is inserted by hand', () => {
    const insert = (person: string, image: string, face: number | null) =>
      database.rows(
        'insert into watchpost.person_photo (person_id, image_id, chosen_face) values ($1, $2, $3) returning id',
        [person, image, face],
      );

    it('of a photo without such a face is refused', async () => {
      const { personId } = await know('Ada', vectors.any());
      const { imageId } = await addFace(database, { model, vector: vectors.any() });
      await expect(insert(personId, imageId, 2)).rejects.toMatchObject({ code: 'WP037' });
    });

    it('of a photo with several faces must say which', async () => {
      const { personId } = await know('Ada', vectors.any());
      const { imageId } = await addFace(database, { model, vector: vectors.any() });
      await database.rows(
        `insert into watchpost.face
           (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
            height_px, sharpness, yaw, pitch, roll, gate, crop)
         values ($1, 'no-detector', 2, 200, 0, 100, 100, '{}', 1, 100, 500, 0, 0, 0, '{}', '')`,
        [imageId],
      );
      await expect(insert(personId, imageId, null)).rejects.toMatchObject({
        code: 'WP036',
        message: expect.stringMatching(/has 2 faces; say which/),
      });
    });
  });

  describe('the gate', () => {
    const handIn = async (person: string, vector: readonly number[], accept: string[] = []) => {
      const { faceId } = await addFace(database, { model, vector });
      return enrolFace(person, faceId, accept);
    };

    it("refuses a face that is unlike the person's other photos, with the best similarity", async () => {
      const face = vectors.any();
      const { personId } = await know('Ada', face);
      const photo = await handIn(personId, vectors.near(face, 0.1));
      await expect(enrol(photo)).rejects.toMatchObject({
        code: 'WP033',
        message: expect.stringMatching(
          /unlike every other photo of the person \S{36}: the best similarity is 0\.\d+, and at least 0\.25/,
        ),
      });
      await expect(
        enrol(await handIn(personId, vectors.near(face, 0.1), ['face_unlike'])),
      ).resolves.toBeTruthy();
    });

    it('refuses a face that is similar to another person, and gives id and similarity', async () => {
      const face = vectors.any();
      const ada = await know('Ada', face);
      const bea = await know('Bea', vectors.any());
      const twin = vectors.near(face, 0.8);
      await expect(enrol(await handIn(bea.personId, twin))).rejects.toMatchObject({
        code: 'WP034',
        detail: ada.personId,
        message: expect.stringMatching(
          /looks like the person \S{36}, who is enrolled already: similarity 0\.[78]\d*, and from 0\.5 on/,
        ),
      });
      expect(
        await database.rows('select from watchpost.reference where person_id = $1', [bea.personId]),
      ).toHaveLength(1);
      await expect(
        enrol(await handIn(bea.personId, vectors.near(twin, 0.99), ['face_of_another', 'face_unlike'])),
      ).resolves.toBeTruthy();
    });

    it('accepts a face that is more similar to the own photos than to those of others', async () => {
      const face = vectors.any();
      const ada = await know('Ada', vectors.near(face, 0.7));
      const bea = await know('Bea', vectors.near(face, 0.95));
      // Bea was enrolled by hand, past the gate, as somebody similar to Ada.
      const reference = await enrol(await handIn(bea.personId, face));
      expect(
        await database.rows('select looks_like from watchpost.photo_status where reference_id = $1', [
          reference,
        ]),
        'and offers to merge the two',
      ).toEqual([{ looks_like: ada.personId }]);
    });

    it('accepts twins once a cannot_link says that they are two people', async () => {
      const face = vectors.any();
      const ada = await know('Ada', face);
      const [bea] = await database.rows(`insert into watchpost.person (name) values ('Bea') returning id`);
      const photo = await handIn(bea.id, vectors.near(face, 0.9));
      await expect(enrol(photo)).rejects.toMatchObject({ code: 'WP034' });
      await database.rows(
        `create table if not exists watchpost.cannot_link (person_id uuid not null, face_id uuid, other_person_id uuid)`,
      );
      await database.rows('insert into watchpost.cannot_link (person_id, other_person_id) values ($1, $2)', [
        ada.personId,
        bea.id,
      ]);
      await expect(enrol(photo)).resolves.toBeTruthy();
    });

    it('does not count removed photos, nor those of another model', async () => {
      const face = vectors.any();
      const ada = await know('Ada', face);
      await database.rows(`select watchpost.remove_photo($1, 'not her')`, [await photoOf(ada.referenceId)]);
      const other = await addModel(database, 'also-many-numbers', 256);
      await addKnownPerson(database, { name: 'Cleo', model: other, vector: face });
      const bea = await database.rows(`insert into watchpost.person (name) values ('Bea') returning id`);
      await expect(enrol(await handIn(bea[0].id, face))).resolves.toBeTruthy();
    });

    it.skipIf(!onServer)(`cannot be passed by two workers side by side ${needsServer}`, async () => {
      const face = vectors.any();
      const [ada, bea] = await database.rows(
        `insert into watchpost.person (name) values ('Ada'), ('Bea') returning id`,
      );
      const photos = [await handIn(ada.id, face), await handIn(bea.id, vectors.near(face, 0.98))];
      const client = await connectClient(database);
      await client.query('begin');
      await client.query(
        `select watchpost.enrol_reference($1, (payload ->> 'embedding_id')::uuid, 0.25::real, 0.5::real)
         from watchpost.event where topic = 'photo.embedded' and payload ->> 'person_photo_id' = $1::uuid::text`,
        [photos[0]],
      );
      const second = enrol(photos[1] as string).catch((error) => error);
      await untilBlocked(database);
      await client.query('commit');
      expect(await second).toMatchObject({ code: 'WP034', detail: ada.id });
    });
  });

  describe('removing a photo', () => {
    it('withdraws its matches and alerts, keeps the rows, and records the reason', async () => {
      const face = vectors.any();
      const { personId, referenceId } = await know('Ada', face);
      const other = await addReference(database, { personId, model, vector: vectors.near(face, 0.9) });
      const lost = await sight(personId, referenceId);
      const kept = await sight(personId, other);
      const photo = await photoOf(referenceId);

      const remove = () =>
        database.rows(`select watchpost.remove_photo($1, 'it is her sister') as removed`, [photo]);
      expect(await remove()).toEqual([{ removed: true }]);
      expect(await remove(), 'a second time').toEqual([{ removed: false }]);

      expect(await standing('reference', referenceId)).toBe(false);
      expect(await standing('reference', other)).toBe(true);
      expect(await standing('match', lost.matchId)).toBe(false);
      expect(await standing('match', kept.matchId)).toBe(true);
      const [image] = await database.rows('select image_id from watchpost.person_photo where id = $1', [
        photo,
      ]);
      const removed = (await eventsOf(photo)).filter(({ topic }) => topic === 'photo.removed');
      expect(removed).toEqual([
        {
          topic: 'photo.removed',
          image_id: image.image_id,
          payload: {
            image_id: image.image_id,
            person_photo_id: photo,
            person_id: personId,
            reference_ids: [referenceId],
            matches: [lost.matchId],
            match_count: 1,
            change: 'removed',
            reason: 'it is her sister',
            by: expect.any(String),
          },
        },
      ]);
      expect(
        await database.rows(
          'select state, message, removed_by from watchpost.photo_status where person_photo_id = $1',
          [photo],
        ),
      ).toEqual([{ state: 'removed', message: 'it is her sister', removed_by: removed[0]?.payload.by }]);
    });

    it('withdraws an alert only when it has no other match', async () => {
      const face = vectors.any();
      const { personId, referenceId } = await know('Ada', face);
      const seen = await sight(personId, referenceId);
      await database.rows(`select watchpost.remove_photo($1, null)`, [await photoOf(referenceId)]);
      expect(await standing('alert', seen.alertId, 'withdrawn_at')).toBe(false);
    });

    it.each(['person_photo', 'reference'])('by deleting the row of %s does the same', async (table) => {
      const face = vectors.any();
      const { personId, referenceId } = await know('Ada', face);
      const { matchId } = await sight(personId, referenceId);
      const photo = await photoOf(referenceId);
      await database.rows(`delete from watchpost.${table} where id = $1`, [
        table === 'reference' ? referenceId : photo,
      ]);
      expect(await standing('match', matchId)).toBe(false);
      const removed = (await eventsOf(photo)).filter(({ topic }) => topic === 'photo.removed');
      expect(removed).toMatchObject([
        { payload: { reference_ids: [referenceId], matches: [matchId], change: 'deleted' } },
      ]);
    });

    it('allows the face to be enrolled for another person', async () => {
      const ada = await know('Ada', vectors.any());
      const bea = await know('Bea', vectors.any());
      const { faceId } = await addFace(database, { model, vector: vectors.any() });
      const photo = await enrolFace(ada.personId, faceId);
      await database.rows(`select watchpost.remove_photo($1, 'it is Bea')`, [photo]);
      expect(await enrolFace(bea.personId, faceId)).not.toBe(photo);
    });

    it('before it was enrolled stops its enrolment', async () => {
      const { personId } = await know('Ada', vectors.any());
      const { faceId } = await addFace(database, { model, vector: vectors.any() });
      const photo = await enrolFace(personId, faceId, ['face_unlike']);
      await database.rows(`select watchpost.remove_photo($1, null)`, [photo]);
      await expect(enrol(photo)).rejects.toMatchObject({ code: 'WP039' });
    });
  });

  describe('forget_person()', () => {
    it('drops the person with the photos submitted for them alone, and keeps frames', async () => {
      const face = vectors.any();
      const { personId, referenceId } = await know('Ada', face);
      const { matchId, imageId } = await sight(personId, referenceId);
      const frame = await addFace(database, { model, vector: face });
      await enrolFace(personId, frame.faceId);
      expect(await database.rows('select watchpost.forget_person($1) as photos', [personId])).toEqual([
        { photos: 1 },
      ]);
      const left = async (table: string, id: string) =>
        (await database.rows(`select from watchpost.${table} where id = $1`, [id])).length;
      expect([
        await left('person', personId),
        await left('reference', referenceId),
        await left('match', matchId),
      ]).toEqual([0, 0, 0]);
      expect([await left('image', imageId), await left('image', frame.imageId)]).toEqual([1, 1]);
    });
  });
});
