import { beforeAll, describe, expect, it } from 'vitest';
import { replay } from '../../src/runner/replay.ts';
import { stageOf } from '../../src/stages/index.ts';
import type { PipelineStage, Tools } from '../../src/stages/stage.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { openApi, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let tools: Tools;
let call: Awaited<ReturnType<typeof openApi>>;
/** Photos from before it was switched on; the last one's bytes are gone by then. */
const past = { kept: '', dropped: '' };
let present: string;

const standing = (imageId: string) =>
  database.rows<{ ordinal: number; age: number; male: number; model_id: string }>(
    `select f.ordinal, d.age, d.male, d.model_id
     from watchpost.demography as d join watchpost.face as f on f.id = d.face_id
     where f.image_id = $1 and d.superseded_at is null and f.superseded_at is null order by f.ordinal`,
    [imageId],
  );
const process = async (number: 1 | 2 | 3 | 4 | 5 | 6): Promise<string> => {
  const id = await submit(database, sample(number));
  expect(await untilFinal(database, id)).toMatchObject({ state: 'done' });
  return id;
};
const switchTo = async (enabled: boolean, note: string | null = null): Promise<boolean> => {
  const [row] = await database.rows(`select watchpost.switch_task('describe', $1, $2) as changed`, [
    enabled,
    note,
  ]);
  return row.changed;
};
/** The faces of a photo as the API returns them. */
const shown = async (imageId: string): Promise<unknown[]> => {
  const answer = await call(`/v1/images/${imageId}`);
  const { faces } = (await answer.json()) as { faces: { demography: unknown }[] };
  return faces.map((face) => face.demography);
};
const again = (imageId: string, dryRun = false) =>
  replay(stageOf('describe') as PipelineStage, { imageId }, tools, { dryRun });

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  tools = { database, vision };
  call = await openApi(database, vision, await runWorker(database, vision));
  past.kept = await process(2);
  past.dropped = await process(3);
});

/** Asks for the faces of a photo, whatever is known of them. */
const request = (imageId: string) =>
  database.rows(
    `insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
     select 'description.requested', f.id, f.image_id, jsonb_build_object('face_id', f.id), '{describe}'
     from watchpost.face as f where f.image_id = $1`,
    [imageId],
  );

describe('estimating age and gender', () => {
  it('is off by default', async () => {
    expect(await database.rows('select id from watchpost.demography')).toEqual([]);
    expect(await database.rows(`select id from watchpost.model where role = 'describer'`)).toEqual([]);
    expect(
      await database.rows(`select id from watchpost.event where 'describe' = any (tasks)`),
      'events for it',
    ).toEqual([]);
    await expect(database.rows('select * from watchpost.describe_past()')).rejects.toMatchObject({
      code: 'WP066',
      hint: expect.stringContaining('switch_task'),
    });
  });

  it('estimates the faces of photos that arrive after it is switched on', async () => {
    expect(await switchTo(true, 'a trial')).toBe(true);
    expect(await switchTo(true, 'a second time')).toBe(false);
    present = await process(1);
    const found = await standing(present);
    // What face-api makes of these three women is 26.6, 24.5 and 30.2.
    expect(found.map((face) => face.ordinal)).toEqual([1, 2, 3]);
    for (const { age, male, model_id } of found) {
      expect(age).toBeGreaterThan(20);
      expect(age).toBeLessThan(36);
      expect(male).toBeLessThan(0.2);
      expect(model_id).toBe('face-api-age-gender');
    }
    expect(
      await database.rows(`select id, sha256, dimension from watchpost.model where role = 'describer'`),
    ).toEqual([{ id: tools.vision.describer.id, sha256: tools.vision.describer.sha256, dimension: null }]);
    expect(await standing(past.kept), 'photos from before').toEqual([]);
  });

  it('returns estimates with the faces of a photo, and null without them', async () => {
    const found = await standing(present);
    expect(await shown(present)).toEqual(found.map(({ age, male, model_id }) => ({ age, male, model_id })));
    expect(await shown(past.kept)).toEqual([null, null, null]);
  });

  it('estimates stored faces on request, newest first, each once', async () => {
    await database.rows('update watchpost.image set bytes = null where id = $1', [past.dropped]);
    const ask = async (before: string | null, most: number | null) => {
      const [row] = await database.rows('select * from watchpost.describe_past($1, $2)', [before, most]);
      return row;
    };
    // Nine faces: three that are described, three without a photo, three that are wanted.
    const newest = await ask(null, 5);
    expect(newest).toMatchObject({ requested: 0, without_photo: 2 });
    const middle = await ask(newest.last, 3);
    expect(middle).toMatchObject({ requested: 2, without_photo: 1 });
    const oldest = await ask(middle.last, 3);
    expect(oldest).toMatchObject({ requested: 1, without_photo: 0 });
    expect(await ask(oldest.last, 3)).toEqual({ requested: 0, without_photo: 0, last: null });
    expect(await ask(null, null), 'those on their way, or done').toMatchObject({
      requested: 0,
      without_photo: 3,
    });
    expect(await until(async () => (await standing(past.kept)).length === 3)).toBe(true);
    expect(await untilFinal(database, past.kept)).toMatchObject({ state: 'done' });
    expect(await untilFinal(database, past.dropped), 'a photo that was done stays so').toMatchObject({
      state: 'done',
    });
  });

  it('is refused with a code if the photo was dropped meanwhile', async () => {
    await request(past.dropped);
    expect(await untilFinal(database, past.dropped)).toMatchObject({
      state: 'failed',
      code: 'image_bytes_gone',
    });
    const refused = await until(async () => {
      const rows = await database.rows('select task, code from watchpost.refusal where image_id = $1', [
        past.dropped,
      ]);
      return rows.length === 3 && rows;
    });
    expect(refused).toEqual(Array(3).fill({ task: 'describe', code: 'image_bytes_gone' }));
  });

  it('keeps one standing estimate for each face, even if two events ask for it', async () => {
    await request(present);
    expect(await untilFinal(database, present)).toMatchObject({ state: 'done' });
    expect(await standing(present)).toHaveLength(3);
  });
});

describe('a replay of describe', () => {
  const written = async () =>
    database.rows(
      'select count(*)::int as rows, count(superseded_at)::int as superseded from watchpost.demography',
    );

  it('finds the same and writes nothing', async () => {
    const before = await written();
    expect(await again(present)).toMatchObject({ changed: 0, gained: 0, lost: 0, failed: [] });
    expect(await written()).toEqual(before);
  });

  it('supersedes an estimate that differs, and writes the new one', async () => {
    const [{ rows: rowsBefore }] = await written();
    const found = await standing(present);
    await database.rows(
      `update watchpost.demography as d set age = 90 from watchpost.face as f
       where f.id = d.face_id and f.image_id = $1 and f.ordinal = 2`,
      [present],
    );
    expect(await again(present, true)).toMatchObject({ changed: expect.any(Number), failed: [] });
    expect((await standing(present))[1]?.age, 'a dry run').toBe(90);
    await again(present);
    const after = await standing(present);
    expect(after[1]?.age).toBeCloseTo(found[1]?.age ?? 0, 1);
    expect(await written()).toEqual([{ rows: rowsBefore + 1, superseded: 1 }]);
    expect(await again(present)).toMatchObject({ changed: 0 });
  });

  it('is superseded together with its face', async () => {
    await database.rows('select watchpost.supersede_faces(array[$1]::uuid[])', [present]);
    const faces = await database.rows(
      `select d.superseded_at = f.superseded_at as together
       from watchpost.demography as d join watchpost.face as f on f.id = d.face_id
       where f.image_id = $1 and d.age < 90`,
      [present],
    );
    expect(faces).toEqual(Array(3).fill({ together: true }));
    const others = await standing(past.kept);
    expect(others, 'those of other photos stand').toHaveLength(3);
  });

  it('violates no invariant, even while old photos wait', async () => {
    expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
    await database.rows(`select watchpost.pause('describe')`);
    await request(past.kept);
    await database.rows(`update watchpost.image set received_at = now() - interval '1 day'`);
    const old = await database.rows(
      `select i.subject from watchpost.invariant as i where i.rule = 'image_without_end'`,
    );
    expect(old).toEqual([]);
    await database.rows(`select watchpost.resume('describe')`);
    expect(await untilFinal(database, past.kept)).toMatchObject({ state: 'done' });
  });
});
