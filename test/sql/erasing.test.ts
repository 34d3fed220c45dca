import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifyRecord } from '../../src/database/verify.ts';
import { eraseForGood, listErasures, removePerson, type Transact } from '../../src/watchlist/registry.ts';
import { raiseAlert } from '../support/alerts.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPerson, addMatch, addModel, addReference } from '../support/fabricate.ts';
import { sealAll, tamper } from '../support/record.ts';
import { Vectors } from '../support/vectors.ts';

const random = new Vectors(4, 17);

let database: TestDatabase;
let model: string;

beforeAll(async () => {
  database = await freshDatabase();
  model = await addModel(database, 'alerts-model', 4);
});

const transact: Transact = (run) => database.db.transaction().execute(run);
const one = async (text: string, values: unknown[] = []) => (await database.rows(text, values))[0];
const count = async (table: string, condition: string, values: unknown[]): Promise<number> =>
  (await one(`select count(*)::int as n from watchpost.${table} where ${condition}`, values)).n;
const addPerson = async (name: string): Promise<string> =>
  (await one('insert into watchpost.person (name) values ($1) returning id', [name])).id;
const violations = () =>
  database.rows(`select rule, subject from watchpost.find_violations() where rule <> 'outbox_stuck'`);

describe('erasing a person', () => {
  it('keeps the faces that they were matched to, unless they are asked for', async () => {
    const kept = await raiseAlert(database);
    const asked = await raiseAlert(database);
    const images = await database.rows(
      'select person_id, image_id from watchpost.match where person_id = any ($1)',
      [[kept.personId, asked.personId]],
    );
    const imageOf = (id: string) => images.find(({ person_id }) => person_id === id)?.image_id;
    await database.rows('select watchpost.erase_person($1)', [kept.personId]);
    await database.rows('select watchpost.erase_person($1, true)', [asked.personId]);
    expect(await count('alert', 'person_id = any ($1)', [[kept.personId, asked.personId]])).toBe(0);
    expect(await count('face', 'image_id = $1', [imageOf(kept.personId)])).toBe(1);
    expect(await count('image', 'id = $1', [imageOf(asked.personId)])).toBe(0);
    expect(await violations()).toEqual([]);
  });

  it('leaves the faces of others in a photo that enrols two, and drops the photo', async () => {
    const ada = await addKnownPerson(database, { name: 'Ada', model, vector: random.any() });
    const [photo] = await database.rows(
      'select p.image_id, p.id from watchpost.person_photo as p where p.person_id = $1',
      [ada.personId],
    );
    const [face] = await database.rows(
      `insert into watchpost.face
         (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
          height_px, sharpness, yaw, pitch, roll, crop)
       values ($1, 'no-detector', 2, 500, 0, 100, 100, '{}', 1, 100, 500, 0, 0, 0, '') returning id`,
      [photo.image_id],
    );
    const [embedding] = await database.rows(
      `insert into watchpost.embedding (face_id, model_id, vector, norm) values ($1, $2, $3, 10) returning id`,
      [face.id, model, JSON.stringify(random.any())],
    );
    const bea = await addPerson('Bea');
    await database.rows('update watchpost.person_photo set chosen_face = 1 where id = $1', [photo.id]);
    await database.rows(
      `with made as (
         insert into watchpost.person_photo (person_id, image_id, chosen_face) values ($1, $2, 2) returning id
       )
       insert into watchpost.reference (person_id, person_photo_id, embedding_id, model_id, vector)
       select $1, m.id, e.id, e.model_id, e.vector from made as m, watchpost.embedding as e where e.id = $3`,
      [bea, photo.image_id, embedding.id],
    );
    const { counts } = await eraseForGood(transact, { what: 'person', id: ada.personId });
    expect(counts).toMatchObject({ face: 1, embedding: 1, reference: 1, 'image.bytes': 1 });
    expect(counts).not.toHaveProperty('image');
    expect(await one('select bytes from watchpost.image where id = $1', [photo.image_id])).toEqual({
      bytes: null,
    });
    expect(await count('person_vector', 'person_id = $1', [bea])).toBe(1);
    expect(await violations()).toEqual([]);
  });

  it('that was interrupted goes on with the next call, to the same receipt', async () => {
    const { watchlistId, personId } = await raiseAlert(database);
    for (let n = 0; n < 60; n += 1)
      await database.rows('select watchpost.raise_alert($1)', [
        await addMatch(database, {
          model,
          personId,
          watchlistId,
          similarity: 0.7,
          capturedAt: new Date(Date.UTC(2026, 0, 1, n)).toISOString(),
        }),
      ]);
    let batches = 0;
    const interrupted: Transact = (run) => {
      batches += 1;
      if (batches === 4) throw new Error('The process was killed.');
      return transact(run);
    };
    const whole = { what: 'person', id: personId, withMatchedFaces: true } as const;
    await expect(eraseForGood(interrupted, whole)).rejects.toThrow(/killed/);
    const left = await count('alert', 'person_id = $1', [personId]);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(61);
    const [begun] = await listErasures(database.db, { limit: 1 });
    expect(begun).toMatchObject({ subject_id: personId, finished_at: null });
    const outOfTime = await eraseForGood(transact, whole, { until: () => true });
    expect(outOfTime).toMatchObject({ id: begun?.id, finished_at: null, counts: {}, proof_key: null });

    const steps: number[] = [];
    const erased = await eraseForGood(transact, whole, { onErased: (rows) => steps.push(rows) });
    expect(steps.length).toBeGreaterThan(2);
    expect(erased.id).toBe(begun?.id);
    expect(erased.counts).toMatchObject({ alert: 61, match: 61, face: 61, image: 61, person: 1 });
    expect(await count('erasure_leaf', 'erasure_id = $1', [erased.id])).toBe(0);
  });

  it('removes what events say about somebody who was removed before', async () => {
    const person = await addPerson('Clara');
    await removePerson(transact, person);
    const says = `select erased from watchpost.full_event where subject_id = '${person}' and topic = 'person.changed'`;
    expect(await database.rows(says)).toEqual([{ erased: false }, { erased: false }]);
    expect((await eraseForGood(transact, { what: 'person', id: person })).counts).toEqual({
      event_content: 2,
    });
    expect(await database.rows(says)).toEqual([{ erased: true }, { erased: true }]);
  });

  it('of one who was merged into another is refused with that one; the other goes with both', async () => {
    const [keep, merged] = [await addPerson('Dora'), await addPerson('Dorothea')];
    await database.rows(`select watchpost.merge_persons($1, $2, 'a note')`, [keep, merged]);
    await expect(eraseForGood(transact, { what: 'person', id: merged })).rejects.toMatchObject({
      code: 'WP081',
    });
    await eraseForGood(transact, { what: 'person', id: keep });
    expect(await count('person', 'id = any ($1)', [[keep, merged]])).toBe(0);
    expect(
      await count('event_content', 'person_id = any ($1) or other_person_id = any ($1)', [[keep, merged]]),
    ).toBe(0);
  });

  it('has hashes that only the holder of the key can compare with the rows', async () => {
    const person = await addPerson('Emma');
    const [before] = await database.rows(
      `select (to_jsonb(p))::text as row from watchpost.person as p where p.id = $1`,
      [person],
    );
    const { proof_key, hashes } = await eraseForGood(transact, { what: 'person', id: person });
    const sha256 = (...parts: Buffer[]) =>
      parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
    const leaf = sha256(Buffer.from(proof_key as string, 'hex'), Buffer.from(before.row));
    expect(hashes.person).toBe(sha256(leaf).toString('hex'));
  });

  it('takes what waits for workers with it, and leaves what waits for consumers', async () => {
    const { personId } = await addKnownPerson(database, { name: 'Fay', model, vector: random.any() });
    await database.rows(
      `insert into watchpost.subscription (topic, task) values ('person.enrolled', 'mirror')`,
    );
    await addReference(database, { personId, model, vector: random.any() });
    await database.rows(
      `select watchpost.retry_later('backfill', watchpost.items_of(array(
         select event_id from watchpost.outbox where task = 'backfill' and payload ->> 'person_id' = $1 limit 1
       )), 1)`,
      [personId],
    );
    const { counts } = await eraseForGood(transact, { what: 'person', id: personId });
    expect(counts).toMatchObject({ job: 1, outbox: expect.any(Number) });
    const waiting = await database.rows(
      `select task from watchpost.outbox where payload ->> 'person_id' = $1`,
      [personId],
    );
    expect(new Set(waiting.map(({ task }) => task))).toContain('mirror');
    await database.rows(`delete from watchpost.subscription where task = 'mirror'`);
  });
});

it('every table whose rows go with a person or an image notes them', async () => {
  const silent = await database.rows(
    `with recursive reached as (
       select unnest('{watchpost.person,watchpost.image}'::regclass[]) as relation
       union
       select k.conrelid
       from pg_constraint as k
       join reached as r on r.relation = k.confrelid
       where k.contype = 'f' and k.confdeltype = 'c' and k.conparentid = 0
     )
     select r.relation::regclass::text as name
     from reached as r
     where not exists (
       select from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid
       where t.tgrelid = r.relation and p.proname = 'note_erased'
     )`,
  );
  // What an erasure itself has still to do.
  expect(silent).toEqual([{ name: 'watchpost.erasure_face' }]);
});

describe('erasing an image', () => {
  it('takes its sighting out of an alert that has others, and deletes one that has none', async () => {
    const { alertId, personId } = await raiseAlert(database, {
      seen: ['2026-02-02T10:00:00Z', '2026-02-02T10:01:00Z'],
    });
    const images = await database.rows(
      `select m.image_id as id from watchpost.match as m
       join watchpost.alert as a on a.person_id = m.person_id
       where m.person_id = $1 order by m.id = a.best_match_id desc`,
      [personId],
    );
    const first = await eraseForGood(transact, { what: 'image', id: images[0].id });
    expect(first.counts).toMatchObject({
      image: 1,
      face: 1,
      embedding: 1,
      search: 1,
      match: 1,
      alert_match: 1,
    });
    expect(await one('select sightings, withdrawn_at from watchpost.alert where id = $1', [alertId])).toEqual(
      {
        sightings: 1,
        withdrawn_at: null,
      },
    );
    await database.rows('select watchpost.erase_image($1)', [images[1].id]);
    expect(await count('alert', 'id = $1', [alertId])).toBe(0);
    expect(await count('person', 'id = $1', [personId])).toBe(1);
    expect(await violations()).toEqual([]);
  });

  it('of which nobody knows is an error', async () => {
    const id = '00000000-0000-7000-8000-000000000000';
    await expect(eraseForGood(transact, { what: 'image', id })).rejects.toMatchObject({ code: 'WP090' });
    await expect(eraseForGood(transact, { what: 'person', id })).rejects.toMatchObject({ code: 'WP004' });
    expect(await count('erasure', 'subject_id = $1', [id])).toBe(0);
  });

  it('ends what waits for it as gone', async () => {
    const { imageId } = await addFace(database, { model, vector: random.any() });
    const { counts } = await eraseForGood(transact, { what: 'image', id: imageId });
    expect(counts.outbox).toBeGreaterThan(0);
    expect(await count('outbox', `payload ->> 'image_id' = $1`, [imageId])).toBe(0);
    const ended = await database.rows(
      `select distinct h.outcome, h.code from watchpost.handling as h
       join watchpost.event as e on e.id = h.event_id where e.image_id = $1`,
      [imageId],
    );
    expect(ended).toEqual([{ outcome: 'gone', code: 'row_missing' }]);
  });
});

describe('a record of which something was erased', () => {
  const found = async () => (await verifyRecord(database)).map(({ what, row_id }) => [what, row_id]);

  it('verifies; what was taken out of it otherwise is found', async () => {
    const [gone, altered, whole] = [
      await addPerson('Gina'),
      await addPerson('Hanna'),
      await addPerson('Iris'),
    ];
    await eraseForGood(transact, { what: 'person', id: whole });
    await sealAll(database);
    expect(await found()).toEqual([]);
    const eventOf = async (person: string) =>
      (await one('select event_id from watchpost.event_content where person_id = $1', [person])).event_id;
    const [missing, changed] = [await eventOf(gone), await eventOf(altered)];
    const receipt = await one(`select id from watchpost.event where topic = 'erased' and subject_id = $1`, [
      whole,
    ]);
    await tamper(
      database,
      `delete from watchpost.event_content where event_id = '${missing}'`,
      `update watchpost.event_content set content = '{"new": {"name": "Nobody"}}' where event_id = '${changed}'`,
      `update watchpost.erasure set counts = '{}' where subject_id = '${whole}'`,
    );
    const findings = await found();
    expect(findings).toHaveLength(3);
    expect(findings).toEqual(
      expect.arrayContaining([
        ['content_missing', missing],
        ['content_altered', changed],
        ['receipt_altered', receipt.id],
      ]),
    );
  });

  it.each([
    'update watchpost.erasure set counts = counts',
    'delete from watchpost.erasure',
    'truncate watchpost.erasure cascade',
  ])('keeps its receipts: %s is refused', async (statement) => {
    await expect(database.rows(statement)).rejects.toMatchObject({ code: 'WP020' });
  });
});

describe('erasing a frame', () => {
  // Triggers have a search_path of their own, in which the types of pgvector are not.
  it('searches its track again without it, in a session that has never done so', async () => {
    await database.rows(
      `insert into watchpost.camera (name, location, frames_per_second) values ('film', 'Door', 10)`,
    );
    const images: string[] = [];
    for (const second of [0, 1]) {
      const capturedAt = new Date(Date.now() - 60_000 + second * 1000).toISOString();
      const face = await addFace(database, { model, vector: [1, 0, 0, 0], camera: 'film', capturedAt });
      await database.rows(
        `select watchpost.write_tracks(array[$1::uuid], array[$1::uuid], array[$2::uuid], 2)`,
        [face.faceId, face.embeddingId],
      );
      images.push(face.imageId);
    }
    const session = await connectClient(database);
    const { rows } = await session.query(`select watchpost.begin_erasure('image', $1, false) as id`, [
      images[0],
    ]);
    await session.query('select watchpost.erase_some($1, 100)', [rows[0].id]);
    expect(await database.rows('select faces, looks, revision from watchpost.track')).toEqual([
      { faces: 1, looks: 1, revision: 2 },
    ]);
  });
});
