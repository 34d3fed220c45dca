import { beforeEach, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPerson, addModel, addReference } from '../support/fabricate.ts';

/**
 * Three people in four dimensions, whose cosines are plain:
 * Ada's photos 0.8, Bea's 0.6, Cleo's one photo 0.5 and 0.4 to Ada's, 0 and 0.693 to Bea's; all others 0.
 */
const enrolThree = async (database: TestDatabase, model: string): Promise<void> => {
  const ada = await addKnownPerson(database, { name: 'Ada', model, vector: [1, 0, 0, 0] });
  await addReference(database, { ...ada, model, vector: [0.8, 0.6, 0, 0] });
  const bea = await addKnownPerson(database, { name: 'Bea', model, vector: [0, 0, 1, 0] });
  await addReference(database, { ...bea, model, vector: [0, 0, 0.6, 0.8] });
  await addKnownPerson(database, { name: 'Cleo', model, vector: [0.5, 0, 0, 0.75 ** 0.5] });
};

/** A frame whose face was searched and matched nobody. */
const addStranger = async (
  database: TestDatabase,
  stranger: { model: string; vector: readonly number[]; capturedAt: string; gate?: string[] },
): Promise<void> => {
  const { faceId, embeddingId } = await addFace(database, stranger);
  await database.rows(
    `insert into watchpost.search (embedding_id, face_id, model_id, watchlists, method, outcome, gate)
     values ($1, $2, $3, '{}', 'exact', 'nobody', $4)`,
    [embeddingId, faceId, stranger.model, stranger.gate ?? []],
  );
};

describe('a calibration', () => {
  let database: TestDatabase;
  let model: string;
  beforeEach(async () => {
    database = await freshDatabase();
    model = await addModel(database, 'four', 4);
  });

  const point = async (calibration: string, threshold: number) => {
    const [row] = await database.rows(
      `select false_positives, hits, wrong_names, fpir, hit_rate
       from watchpost.calibration_point where calibration_id = $1 and threshold = $2::real`,
      [calibration, threshold],
    );
    return row;
  };

  it('counts each photo among all others, and as a stranger among all other people', async () => {
    await enrolThree(database, model);
    const [head] = await database.rows(`select * from watchpost.calibrate()`);
    expect(head).toMatchObject({
      model_id: 'four',
      source: 'references',
      people: 3,
      photos: 5,
      probes: 4,
      strangers: 5,
      sampled: false,
      command: 'select * from watchpost.calibrate(NULL, NULL, 2000)',
      created_by: 'postgres',
    });
    // As strangers: Ada's 0.5 and 0.4 to Cleo, Bea's 0 and 0.693 to Cleo, Cleo's 0.459 to both of Ada's
    // (d^2 is 1, over 1.7 + 0.3 / 2).
    expect(await point(head.id, 0.001)).toMatchObject({ false_positives: 4, fpir: expect.closeTo(0.8) });
    expect(await point(head.id, 0.45)).toMatchObject({ false_positives: 3 });
    expect(await point(head.id, 0.465)).toMatchObject({ false_positives: 2 });
    expect(await point(head.id, 0.44)).toMatchObject({ false_positives: 3 });
    expect(await point(head.id, 0.48)).toMatchObject({ false_positives: 2, fpir: expect.closeTo(0.4) });
    expect(await point(head.id, 0.51)).toMatchObject({ false_positives: 1 });
    expect(await point(head.id, 0.7)).toMatchObject({ false_positives: 0, fpir: 0 });
    // Known: three of four are themselves; Bea's second photo is more like Cleo than like her first.
    expect(await point(head.id, 0.55)).toMatchObject({ hits: 3, wrong_names: 1, hit_rate: 0.75 });
    expect(await point(head.id, 0.65)).toMatchObject({ hits: 2, wrong_names: 1 });
    expect(await point(head.id, 0.75)).toMatchObject({ hits: 2, wrong_names: 0, hit_rate: 0.5 });
    expect(await point(head.id, 0.85)).toMatchObject({ hits: 0, hit_rate: 0 });
  });

  it('falls with the threshold, in steps of 0.001 from 0 to 1', async () => {
    await enrolThree(database, model);
    const [{ id }] = await database.rows(`select id from watchpost.calibrate()`);
    const curve = await database.rows(
      'select * from watchpost.calibration_point where calibration_id = $1 order by threshold',
      [id],
    );
    expect(curve).toHaveLength(1001);
    expect([curve[0].threshold, curve.at(-1).threshold]).toEqual([0, 1]);
    for (const column of ['false_positives', 'hits', 'wrong_names', 'fpir', 'hit_rate']) {
      const values = curve.map((row) => row[column]);
      expect(values, column).toEqual(values.toSorted((a, b) => b - a));
    }
  });

  it('takes stored strangers since a time, but not those whose view is poor or who were matched', async () => {
    await enrolThree(database, model);
    const stranger = { model, vector: [0.9, 0.19 ** 0.5, 0, 0], capturedAt: '2026-11-02T00:00:00Z' };
    await addStranger(database, stranger);
    await addStranger(database, { ...stranger, gate: ['profile'] });
    await addStranger(database, { ...stranger, capturedAt: '2026-10-31T00:00:00Z' });
    const [head] = await database.rows(`select * from watchpost.calibrate(strangers_since => '2026-11-01')`);
    expect(head).toMatchObject({
      source: 'references and stored strangers',
      strangers: 6,
      probes: 4,
      photos: 5,
    });
    expect(head.command).toContain('2026-11-01');
    // To Ada's photos 0.9 and 0.98, and 0.990 to both.
    expect(await point(head.id, 0.985)).toMatchObject({ false_positives: 1 });
    expect(await point(head.id, 0.995)).toMatchObject({ false_positives: 0 });
  });

  it('searches a sample of the photos among all of them, and says so', async () => {
    await enrolThree(database, model);
    const [head] = await database.rows(`select * from watchpost.calibrate(max_probes => 3)`);
    expect(head).toMatchObject({ photos: 5, strangers: 3, sampled: true });
    const [again] = await database.rows(`select * from watchpost.calibrate(max_probes => 3)`);
    const curves = await database.rows(
      `select threshold, count(distinct (false_positives, hits, wrong_names)) as n
       from watchpost.calibration_point where calibration_id in ($1, $2) group by 1 having count(*) = 2`,
      [head.id, again.id],
    );
    expect(curves).toHaveLength(1001);
    expect(curves.filter((row) => row.n !== '1')).toEqual([]);
  });

  it('is recorded as an event, and none of its rows can be changed', async () => {
    await enrolThree(database, model);
    const [{ id }] = await database.rows(`select id from watchpost.calibrate()`);
    const events = await database.rows(
      `select subject_id, payload from watchpost.event where topic = 'calibration.stored'`,
    );
    expect(events).toMatchObject([
      {
        subject_id: id,
        payload: { calibration_id: id, model_id: 'four', people: 3, strangers: 5, by: 'postgres' },
      },
    ]);
    for (const statement of [
      'update watchpost.calibration set people = 1000',
      'delete from watchpost.calibration',
      'update watchpost.calibration_point set fpir = 0',
      'delete from watchpost.calibration_point',
      'truncate watchpost.calibration_point',
    ])
      await expect(database.rows(statement), statement).rejects.toMatchObject({ code: 'WP020' });
  });

  it('is refused where there is nothing to compare, and leaves nothing', async () => {
    const refused = (call: string) => expect(database.rows(`select * from watchpost.${call}`), call).rejects;
    await refused('calibrate()').toMatchObject({
      code: 'WP047',
      message: expect.stringContaining('Nobody is enrolled'),
    });
    await addKnownPerson(database, { name: 'Ada', model, vector: [1, 0, 0, 0] });
    await refused('calibrate()').toMatchObject({
      code: 'WP047',
      message: expect.stringContaining('one person'),
    });
    await refused(`calibrate('no such')`).toMatchObject({
      code: 'WP047',
      hint: expect.stringContaining('four'),
    });
    await refused(`calibrate('no-detector')`).toMatchObject({ code: 'WP047' });
    await addKnownPerson(database, { name: 'Bea', model, vector: [0, 1, 0, 0] });
    await refused('calibrate(max_probes => 0)').toMatchObject({ code: 'WP047' });
    expect(await database.rows('select * from watchpost.calibration')).toEqual([]);
  });
});
