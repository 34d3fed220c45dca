import { beforeEach, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addKnownPerson, addModel } from '../support/fabricate.ts';

/** A stored curve whose strangers reach these similarities; more precise than any that photos could give. */
const storeCurve = async (
  database: TestDatabase,
  curve: { model: string; strangers: readonly number[] },
): Promise<string> => {
  const [row] = await database.rows(
    `with head as (
       insert into watchpost.calibration (model_id, source, people, photos, probes, strangers, command, created_by)
       values ($1, 'fabricated', 2, 2, 0, cardinality($2::real[]), 'none', 'a test')
       returning id
     ),
     points as (
       insert into watchpost.calibration_point
         (calibration_id, threshold, false_positives, hits, wrong_names, fpir)
       select h.id, (n / 100.0)::real, c.passed, 0, 0, c.passed::real / cardinality($2::real[])
       from head as h
       cross join generate_series(0, 100) as n
       cross join lateral (
         select count(*) as passed from unnest($2::real[]) as s (similarity) where s.similarity >= (n / 100.0)::real
       ) as c
     )
     select id from head`,
    [curve.model, curve.strangers],
  );
  return row.id;
};

/** Ten strangers at 0.055, 0.155 … 0.955. */
const ten = Array.from({ length: 10 }, (_, n) => 0.055 + n / 10);

describe('threshold_for', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await freshDatabase();
    await addModel(database, 'first', 4);
    await addModel(database, 'second', 4);
  });
  const thresholdFor = async (target: unknown, model: string | null = null): Promise<number> => {
    const [row] = await database.rows('select watchpost.threshold_for($1::real, $2) as threshold', [
      target,
      model,
    ]);
    return row.threshold;
  };

  it('is the least threshold whose measured rate is at most the target', async () => {
    await storeCurve(database, { model: 'first', strangers: ten });
    expect(await thresholdFor(0.1)).toBeCloseTo(0.86);
    expect(await thresholdFor(0.2)).toBeCloseTo(0.76);
    expect(await thresholdFor(0.25)).toBeCloseTo(0.76);
    expect(await thresholdFor(0.999)).toBeCloseTo(0.06);
  });

  it('uses the latest calibration, of the given model or of the one measured last', async () => {
    await storeCurve(database, { model: 'first', strangers: ten });
    await storeCurve(database, { model: 'first', strangers: ten.map((x) => x - 0.05) });
    await storeCurve(database, { model: 'second', strangers: ten.map((x) => x - 0.03) });
    expect(await thresholdFor(0.1, 'first')).toBeCloseTo(0.81);
    expect(await thresholdFor(0.1, 'second')).toBeCloseTo(0.83);
    expect(await thresholdFor(0.1)).toBeCloseTo(0.83);
  });

  it('is refused where too few strangers were measured for the rate', async () => {
    await storeCurve(database, { model: 'first', strangers: ten });
    await expect(thresholdFor(0.05)).rejects.toMatchObject({
      code: 'WP045',
      message: 'A false-positive rate of 0.05 cannot be measured with 10 strangers; it takes 20.',
    });
    await storeCurve(database, { model: 'first', strangers: [...ten, ...ten.map((x) => x - 0.05)] });
    await storeCurve(database, { model: 'first', strangers: [0.01, 0.01] });
    expect(await thresholdFor(0.05), 'by the latest that can measure it').toBeCloseTo(0.91);
  });

  it.each([
    [0.04, 25],
    [0.01, 100],
  ])(
    'can be measured from the very number of strangers that it takes: %d from %d',
    async (target, needed) => {
      const strangers = Array.from({ length: needed }, () => 0.4);
      await storeCurve(database, { model: 'first', strangers: strangers.slice(1) });
      await expect(thresholdFor(target)).rejects.toMatchObject({
        message: `A false-positive rate of ${target} cannot be measured with ${needed - 1} strangers; it takes ${needed}.`,
      });
      await storeCurve(database, { model: 'first', strangers });
      // The least threshold above 0.4.
      expect(await thresholdFor(target)).toBeCloseTo(0.41);
    },
  );

  it('requires more strangers than were measured for a rate near 0', async () => {
    await storeCurve(database, { model: 'first', strangers: ten });
    await expect(thresholdFor(1e-12)).rejects.toMatchObject({ code: 'WP045' });
  });

  it('is an error without a curve, or for a value that is not a rate', async () => {
    await expect(thresholdFor(0.1)).rejects.toMatchObject({
      code: 'WP045',
      hint: expect.stringContaining('calibrate'),
    });
    await storeCurve(database, { model: 'first', strangers: ten });
    await expect(thresholdFor(0.1, 'second')).rejects.toMatchObject({
      code: 'WP045',
      message: 'Nothing has been measured for the model second yet.',
    });
    for (const target of [0, 1, -0.1, 1.5, 'NaN', null])
      await expect(thresholdFor(target), String(target)).rejects.toMatchObject({ code: 'WP046' });
  });

  it('is an error when no threshold reaches the rate', async () => {
    await storeCurve(database, { model: 'first', strangers: ten.map(() => 1) });
    await expect(thresholdFor(0.5)).rejects.toMatchObject({
      code: 'WP045',
      hint: expect.stringContaining('twice'),
    });
  });
});

describe('rate_at_most', () => {
  it('is the rule of three if none was seen, else an upper bound above the measured rate', async () => {
    const database = await freshDatabase();
    const [rates] = await database.rows(
      `select
         watchpost.rate_at_most(0, 300) as three, watchpost.rate_at_most(0, 2) as few,
         watchpost.rate_at_most(1, 391) as one, watchpost.rate_at_most(50, 1000) as fifty,
         watchpost.rate_at_most(10, 10) as whole, watchpost.rate_at_most(0, 0) as nothing`,
    );
    expect(rates).toEqual({
      three: expect.closeTo(0.01),
      few: 1,
      // By Wilson's formula, computed by hand for z = 1.6449.
      one: expect.closeTo(0.0113, 3),
      fifty: expect.closeTo(0.0626, 3),
      whole: 1,
      nothing: 1,
    });
  });
});

describe('a list with a target', () => {
  let database: TestDatabase;
  const thresholds = async () =>
    Object.fromEntries(
      (await database.rows('select name, threshold from watchpost.watchlist order by name')).map((row) => [
        row.name,
        row.threshold,
      ]),
    );
  beforeEach(async () => {
    database = await freshDatabase();
    await addModel(database, 'first', 4);
    await addModel(database, 'second', 4);
    await addKnownPerson(database, { name: 'Ada', model: 'first', vector: [1, 0, 0, 0] });
    // By which any rate down to 0.001 takes 0.5.
    await storeCurve(database, { model: 'first', strangers: Array(1000).fill(0.495) });
    await database.rows(
      `insert into watchpost.watchlist (name, threshold, target_fpir)
       values ('by hand', 0.5, null), ('strict', 0.5, 0.1), ('loose', 0.5, 0.3), ('very strict', 0.5, 0.001)`,
    );
  });

  it('takes the threshold of a new curve; one set by hand stays, as does one whose rate the curve cannot measure', async () => {
    const id = await storeCurve(database, { model: 'first', strangers: ten });
    expect(await thresholds()).toEqual({
      'by hand': 0.5,
      strict: expect.closeTo(0.86),
      loose: expect.closeTo(0.66),
      'very strict': 0.5,
    });
    const targets = await database.rows('select name, target_fpir from watchpost.watchlist order by name');
    expect(targets.map((row) => row.target_fpir)).toEqual([
      null,
      expect.closeTo(0.3),
      expect.closeTo(0.1),
      expect.closeTo(0.001),
    ]);
    const [event] = await database.rows(
      `select payload from watchpost.event where topic = 'calibration.stored' and subject_id = $1`,
      [id],
    );
    const moved = await database.rows(
      `select id from watchpost.watchlist where name in ('strict', 'loose') order by id`,
    );
    expect(event.payload.watchlists).toEqual(moved.map((row) => row.id));
  });

  it('does not follow a model without enrolled people', async () => {
    await storeCurve(database, { model: 'second', strangers: ten });
    expect(new Set(Object.values(await thresholds()))).toEqual(new Set([0.5]));
  });

  it('differs from one set by hand: watchpost.calibrating is set only while it follows', async () => {
    await database.rows(
      `create table watchpost.seen (setting text);
       create function watchpost.note() returns trigger language plpgsql as $$
       begin
         insert into watchpost.seen values (current_setting('watchpost.calibrating', true));
         return new;
       end $$;
       create trigger note before update on watchpost.watchlist for each row execute function watchpost.note()`,
    );
    await storeCurve(database, { model: 'first', strangers: ten });
    await database.rows(`update watchpost.watchlist set purpose = 'other' where name = 'by hand'`);
    const seen = await database.rows<{ setting: string | null }>('select setting from watchpost.seen');
    expect(seen.map((row) => row.setting || 'off')).toEqual(['on', 'on', 'off']);
  });
});
