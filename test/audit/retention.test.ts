import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import { legalBasisNames } from '../../src/legal-bases.ts';
import { purge, readRules, setRule } from '../../src/watchlist/registry.ts';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPerson, addModel, addPastFaces } from '../support/fabricate.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { Vectors } from '../support/vectors.ts';

/** The clock is a parameter: each test says at which moment it purges. */

const random = new Vectors(4, 9);
const today = '2026-02-01T00:00:00Z';
let database: TestDatabase;
let model: string;

beforeAll(async () => {
  database = await freshDatabase();
  model = await addModel(database, 'alerts-model', 4);
});

const one = async (statement: string, values: unknown[] = []) => (await database.rows(statement, values))[0];
const count = async (table: string, condition = 'true', values: unknown[] = []): Promise<number> =>
  (await one(`select count(*)::int as n from watchpost.${table} where ${condition}`, values)).n;
/** Hours from now, as a moment. */
const hours = (n: number) => new Date(Date.now() + n * 3_600_000).toISOString();
const transact: Parameters<typeof purge>[0] = (run) => database.db.transaction().execute(run);
const purgeAt = async (n: number, dry = false) => purge(transact, { at: hours(n), dry });
/** Photos that were processed before, and whose faces matched nobody. */
let day = 0;
const seeNobody = async (photos: number, camera?: string): Promise<string[]> => {
  // Keys are made of the time.
  day += 1;
  const since = new Date(Date.parse(today) + day * 86_400_000).toISOString();
  const embeddings = await addPastFaces(database, {
    model,
    vectors: Array.from({ length: photos }, () => random.any()),
    since,
    ...(camera ? { camera } : {}),
  });
  const rows = await database.rows(
    `select f.image_id from watchpost.embedding as e join watchpost.face as f on f.id = e.face_id where e.id = any ($1)`,
    [embeddings],
  );
  return rows.map((row) => row.image_id);
};
const left = (images: readonly string[]) => count('image', 'id = any ($1)', [images]);
/** Leaves the others out of the next purge, which have nothing to do with the test. */
beforeEach(async () => {
  await database.rows(`delete from watchpost.image as i
    where i.purpose = 'probe' and watchpost.reason_to_keep(i.id) is null`);
});

describe('a fresh installation', () => {
  it('keeps photos and faces that matched nobody for 48 hours, strangers 30 days, the record for ever', async () => {
    const rules = await readRules((await freshDatabase()).db);
    expect(
      rules.map(({ relation, action, age }) => `${relation}: ${action}${action === 'keep' ? '' : ` ${age}`}`),
    ).toEqual([
      'image: delete 48 hours',
      'face: delete 48 hours',
      'stranger: delete 30 days',
      'person: delete 1 year',
      'search: keep',
      'access: keep',
      'event: keep',
    ]);
    expect(rules.every(({ purpose }) => purpose.length > 10)).toBe(true);
  });
});

describe('the purge', () => {
  it('deletes photos that matched nobody when their time is over, and none before, with all that was found', async () => {
    const images = await seeNobody(3);

    expect((await purgeAt(47)).images).toEqual({ deleted: 0, held: {} });
    expect(await left(images)).toBe(3);
    expect((await purgeAt(49, true)).images).toEqual({ deleted: 3, held: {} });
    expect(await left(images), 'a dry run deletes nothing').toBe(3);
    const receipts = () => database.rows(`select * from watchpost.erasure where what = 'purge' order by id`);
    const before = (await receipts()).length;
    expect((await purgeAt(49)).images).toEqual({ deleted: 3, held: {} });

    // With a receipt, sealed by its event; the dry run has left none, nor a pass that finds nothing.
    await purgeAt(49);
    const [receipt, ...more] = (await receipts()).slice(before);
    expect(more).toEqual([]);
    expect(receipt).toMatchObject({
      subject_id: (
        await one(`select id from watchpost.retention where relation = 'image' and camera_id is null`)
      ).id,
      counts: { image: 3, face: 3, embedding: 3, search: 3 },
      finished_at: expect.any(Date),
      key: null,
    });
    expect(Object.keys(receipt.hashes)).toEqual(Object.keys(receipt.counts));
    const event = await one(
      `select payload from watchpost.event where topic = 'erased' order by id desc limit 1`,
    );
    expect(event.payload).toMatchObject({ erasure_id: receipt.id, what: 'purge', counts: receipt.counts });
    expect(await count('erasure_leaf')).toBe(0);

    expect(await left(images)).toBe(0);
    expect(await count('face', 'image_id = any ($1)', [images])).toBe(0);
    expect(await count('search', 'face_id not in (select id from watchpost.face)')).toBe(0);
  });

  it('goes by when a photo was received, not by when it was taken', async () => {
    const { imageId } = await addFace(database, { model, vector: random.any(), capturedAt: today });
    await database.rows(
      `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
       select e.id, t, 'done', 1, now(), 1 from watchpost.event as e, unnest(e.tasks) as t
       where e.image_id = $1`,
      [imageId],
    );
    await purgeAt(47);
    expect(await left([imageId])).toBe(1);
    await purgeAt(49);
    expect(await left([imageId])).toBe(0);
  });

  it('holds a photo that an alert rests on, but not the face of a bystander in it', async () => {
    const { alertId } = await raiseAlert(database);
    const { image_id, face_id } = await one(
      'select image_id, face_id from watchpost.alert_detail where id = $1',
      [alertId],
    );
    const bystander = await one(
      `insert into watchpost.face
         (image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
          height_px, sharpness, yaw, pitch, roll, crop)
       values ($1, 'no-detector', 2, 0, 0, 9, 9, '{}', 1, 100, 500, 0, 0, 0, 'crop') returning id`,
      [image_id],
    );
    await database.rows(
      `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
       select e.id, t, 'done', 1, now(), 1 from watchpost.event as e, unnest(e.tasks) as t where e.image_id = $1`,
      [image_id],
    );

    const dry = await purgeAt(49, true);
    expect(dry.images.held).toMatchObject({ alert: 1 });
    expect(dry.faces).toMatchObject({ deleted: 1, held: { match: 1 } });
    expect(await purgeAt(49)).toEqual(dry);

    expect(await count('face', 'id = any ($1)', [[face_id, bystander.id]])).toBe(1);
    expect(await left([image_id])).toBe(1);
    const { payload } = await one(
      `select payload from watchpost.event where topic = 'faces.deleted' order by id desc limit 1`,
    );
    expect(payload).toMatchObject({ faces: 1, face_ids: [bystander.id], image_ids: [image_id] });
  });

  it('holds a photo that still waits for a task, and one of a stranger', async () => {
    const waiting = await addFace(database, { model, vector: random.any() });
    const [recurring = ''] = await seeNobody(1);
    await database.rows(
      `insert into watchpost.stranger_face (face_id, embedding_id, search_id, model_id, vector, norm, seen_at, neighbours, core)
       select f.id, e.id, gen_random_uuid(), e.model_id, e.vector, 1, now(), 1, false
       from watchpost.face as f join watchpost.embedding as e on e.face_id = f.id where f.image_id = $1`,
      [recurring],
    );
    expect((await purgeAt(49)).images).toMatchObject({ deleted: 0, held: { processing: 1, stranger: 1 } });
    expect(await left([waiting.imageId, recurring])).toBe(2);

    // The last visit of the stranger is over.
    const done = await purgeAt(31 * 24);
    expect(done.strangers.deleted).toBe(1);
    expect(await left([recurring])).toBe(0);
  });

  it('looks at everything in batches, also where most is held or has an odd key, and repeats nothing', async () => {
    const images = await seeNobody(600);
    const odd = 'ffffffff-ffff-4fff-bfff-ffffffffffff';
    await database.rows(`alter table watchpost.image disable trigger image_emit`);
    await database.rows(`insert into watchpost.image (id, bytes) values ($1, 'no photo')`, [odd]);
    await database.rows(`alter table watchpost.image enable trigger image_emit`);
    const batches: number[] = [];
    await purge(transact, { at: hours(49) }, (rows) => batches.push(rows));
    expect(await left([...images, odd])).toBe(0);
    expect(Math.max(...batches)).toBeLessThanOrEqual(500);
    expect(batches.reduce((sum, rows) => sum + rows)).toBe(601);
  });

  it('follows the rule of a camera before the general one', async () => {
    await database.rows(
      `insert into watchpost.camera (name, location) values ('door', 'Door'), ('yard', 'Yard')`,
    );
    const [door, yard] = [await seeNobody(2, 'door'), await seeNobody(2, 'yard')];
    const { id } = await one(`select watchpost.find_camera('door') as id`);
    await setRule(database.db, { relation: 'image', camera: id, age: '2 hours' });
    await purgeAt(3);
    expect([await left(door), await left(yard)]).toEqual([0, 2]);
    await setRule(database.db, { relation: 'image', camera: id, action: 'keep' });
    const kept = await seeNobody(1, 'door');
    await purgeAt(49);
    expect([await left(kept), await left(yard)]).toEqual([1, 0]);
    await database.rows(`select watchpost.drop_camera_rule('image', $1)`, [id]);
    await purgeAt(49);
    expect(await left(kept)).toBe(0);
  });

  it('deletes a person whose time is over, with photos and alerts, or leaves them to a review', async () => {
    const { personId, alertId } = await raiseAlert(database);
    const other = await addKnownPerson(database, { name: 'Other', model, vector: random.any() });
    await database.rows('update watchpost.person set keep_until = $2 where id = $1', [personId, hours(10)]);

    expect((await purgeAt(9)).persons.deleted).toBe(0);
    await setRule(database.db, { relation: 'person', action: 'review' });
    expect((await purgeAt(11)).persons).toEqual({ deleted: 0, held: { review: 1 } });
    await setRule(database.db, { relation: 'person', action: 'delete' });
    expect((await purgeAt(11, true)).persons.deleted).toBe(1);
    expect((await purgeAt(11)).persons.deleted).toBe(1);

    expect(await count('person', 'id = $1', [personId])).toBe(0);
    expect(await count('alert', 'id = $1', [alertId])).toBe(0);
    expect(await count('person', 'id = $1', [other.personId])).toBe(1);
    // As an erasure: with a receipt, and the record does not say their name any more.
    expect(
      await one(
        `select what, finished_at is not null as ended from watchpost.erasure where subject_id = $1`,
        [personId],
      ),
    ).toEqual({
      what: 'person',
      ended: true,
    });
    expect(await count('event_content', 'person_id = $1', [personId])).toBe(0);
    expect(await count('event_content', 'person_id = $1', [other.personId])).toBeGreaterThan(0);
  });

  it('is what the view due says, row by row', async () => {
    const [image = ''] = await seeNobody(1);
    const due = await one(
      `select d.*, d.due_at - i.received_at = interval '48 hours' as right_time
       from watchpost.due as d join watchpost.image as i using (id) where d.relation = 'image' and d.id = $1`,
      [image],
    );
    expect(due).toMatchObject({ action: 'delete', held_by: null, right_time: true });
    expect(due.purpose).toContain('searched against the watchlists');
    const { personId, watchlistId } = await raiseAlert(database);
    await database.rows(`update watchpost.watchlist set purpose = 'Thefts in March' where id = $1`, [
      watchlistId,
    ]);
    await database.rows(`insert into watchpost.watchlist_entry (watchlist_id, person_id) values ($1, $2)`, [
      watchlistId,
      personId,
    ]);
    expect(
      await one(`select action, purpose from watchpost.due where relation = 'person' and id = $1`, [
        personId,
      ]),
    ).toEqual({ action: 'review', purpose: 'Thefts in March' });
    expect(
      await one(`select held_by from watchpost.due where relation = 'image' and held_by = 'alert' limit 1`),
    ).toEqual({
      held_by: 'alert',
    });
  });
});

describe('as a task of the upkeep', () => {
  it('goes on where the batch before has ended, in the name of the retention', async () => {
    await seeNobody(600);
    await database.rows(
      `update watchpost.image set received_at = now() - interval '3 days' where purpose = 'probe'`,
    );
    await database.rows(`update watchpost.retention set age = '0' where relation = 'image'`);
    await database.rows(
      `update watchpost.upkeep_task set last_run = case when task <> 'purge_images' then now() end`,
    );
    const results: string[] = [];
    for (;;) {
      const { task, result, error } = await one('select * from watchpost.upkeep()');
      if (!task) break;
      expect([task, error]).toEqual(['purge_images', null]);
      results.push(result);
    }
    expect(results[0]).toMatch(/^\d{3} deleted/);
    expect(results.length).toBeGreaterThan(1);
    expect(await count('image', `purpose = 'probe' and watchpost.reason_to_keep(id) is null`)).toBe(0);
    expect(await one(`select reached from watchpost.retention where relation = 'image'`)).toEqual({
      reached: null,
    });
    expect(
      (
        await one(
          `select payload ->> 'by' as by from watchpost.event where topic = 'images.deleted' order by id desc limit 1`,
        )
      ).by,
    ).toBe('retention');
  });
});

describe('a rule', () => {
  it.each([
    ['image', 'drop', '1 day'],
    ['face', 'review', '1 day'],
    ['event', 'delete', '1 day'],
    ['stranger', 'keep', '1 day'],
    ['person', 'keep', '1 day'],
    ['image', 'delete', '-1 day'],
    ['image', 'delete', '1001 years'],
    ['image', 'delete', 'infinity'],
    ['alert', 'delete', '1 day'],
  ])(
    '%s: %s after %s is refused with what is possible, and changes nothing',
    async (relation, action, age) => {
      const before = await readRules(database.db);
      const error = await database
        .rows('select watchpost.set_retention($1, $2, $3)', [relation, action, age])
        .catch((reason) => toWatchpostError(reason));
      expect(error).toMatchObject({
        code: 'retention_invalid',
        hint: expect.stringMatching(/action is|There are/),
      });
      expect(await readRules(database.db)).toEqual(before);
    },
  );

  it('of no camera cannot be deleted, and every change is an event', async () => {
    await expect(
      database.rows(`delete from watchpost.retention where relation = 'image'`),
    ).rejects.toMatchObject({
      code: 'WP150',
    });
    await setRule(database.db, { relation: 'image', age: '48 hours' });
    await setRule(database.db, { relation: 'image', age: '3 days', purpose: 'Incidents of the weekend' });
    const { payload } = await one(
      `select payload from watchpost.event where topic = 'retention.changed' order by id desc limit 1`,
    );
    expect(payload).toMatchObject({
      relation: 'image',
      old: { age: '48:00:00' },
      new: { age: '3 days', purpose: 'Incidents of the weekend' },
      by: expect.any(String),
    });
    await setRule(database.db, { relation: 'image', age: '48 hours' });
  });
});

describe('legal basis and purpose', () => {
  it('are never missing: where none is given they are what the installer has said', async () => {
    const person = await one(`insert into watchpost.person (name) values ('Jo') returning legal_basis`);
    expect(person).toEqual({ legal_basis: 'unspecified' });
    await database.rows(`select watchpost.set_processing_default('public_task', 'Missing people')`);
    expect(await one(`insert into watchpost.person (name) values ('Jo') returning legal_basis`)).toEqual({
      legal_basis: 'public_task',
    });
    expect(await one(`insert into watchpost.watchlist (name) values ('missing') returning purpose`)).toEqual({
      purpose: 'Missing people',
    });
    const { payload } = await one(
      `select payload from watchpost.event where topic = 'processing.changed' order by id desc limit 1`,
    );
    expect(payload).toMatchObject({
      old: { legal_basis: 'unspecified' },
      new: { legal_basis: 'public_task' },
    });
  });

  it.each([
    [`update watchpost.person set legal_basis = null`, '23502'],
    [`update watchpost.person set legal_basis = 'because'`, 'legal_basis_invalid'],
    [`select watchpost.set_processing_default('because')`, 'legal_basis_invalid'],
    [`insert into watchpost.watchlist (name, purpose) values ('x', null)`, '23502'],
    [`insert into watchpost.watchlist (name, purpose) values ('x', '  ')`, 'purpose_missing'],
    [`update watchpost.retention set purpose = ''`, 'purpose_missing'],
  ])('%s is refused as %s', async (statement, code) => {
    const error = await database
      .rows(statement)
      .catch((reason) => (code === '23502' ? reason : toWatchpostError(reason)));
    expect(error).toMatchObject({ code });
    if (code === 'legal_basis_invalid') expect(error.message).toContain('consent, explicit_consent');
  });

  it('have the same words in SQL and TypeScript', async () => {
    const rows = await database.rows('select watchpost.is_basis(b) as known from unnest($1::text[]) as b', [
      legalBasisNames,
    ]);
    expect(rows.every(({ known }) => known)).toBe(true);
    const { definition } = await one(
      `select pg_get_functiondef('watchpost.is_basis'::regproc) as definition`,
    );
    expect([...definition.matchAll(/'(\w+)'::text/g)].map(([, word]) => word)).toEqual(legalBasisNames);
  });
});

describe('with the real models', () => {
  it('a processed photo of nobody is deleted, one with an alert stays, and every invariant holds', async () => {
    const real = await freshDatabase();
    const worker = await runWorker(real, await realVision());
    await enrolAda(real);
    const [seen, nobody] = [await submit(real, sample(1)), await submit(real, sample(2))];
    expect(await untilFinal(real, seen)).toMatchObject({ faces: 3, alerts: 1 });
    await untilFinal(real, nobody);
    await untilIdle(real);
    await worker.stop();
    const done = await purge((run) => real.db.transaction().execute(run), { at: hours(49) });

    expect(done.images).toEqual({ deleted: 1, held: { alert: 1 } });
    expect(done.faces.deleted).toBe(2);
    expect(
      await real.rows('select state, faces, alerts from watchpost.image_status where purpose = $1', [
        'probe',
      ]),
    ).toEqual([{ state: 'done', faces: 1, alerts: 1 }]);
    expect(await real.rows('select rule, subject, finding from watchpost.find_violations()')).toEqual([]);
    expect(await real.rows('select * from watchpost.verify_audit()')).toEqual([]);
  });
});
