import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../../support/database.ts';
import { examplesIn, openNorthGate, type RunExample, withPhoto } from '../../support/examples.ts';
import { sample } from '../../support/photos.ts';
import { submit, untilFinal, untilIdle } from '../../support/pipeline.ts';

describe('sql/examples of photos and their status', () => {
  let database: TestDatabase;
  let run: RunExample;
  /** Ada at the north gate, then three strangers, then text that is no photo. */
  const photos = { ada: '', strangers: '', text: '' };

  beforeAll(async () => {
    database = await freshDatabase();
    run = examplesIn(database);
    await openNorthGate(database);
    const process = async (bytes: Buffer) => {
      const id = await submit(database, bytes, 'north-gate');
      await untilFinal(database, id);
      return id;
    };
    photos.ada = await process(sample(1));
    photos.strangers = await process(sample(2));
    photos.text = await process(Buffer.from('this is no photo'));
    await untilIdle(database);
  });

  it('image-status.sql', async () => {
    expect(await run('image-status.sql')).toMatchObject([
      { image_id: photos.text, state: 'failed', code: 'image_format_unsupported', faces: 0 },
      { image_id: photos.strangers, state: 'done', code: null, faces: 3, matches: 0, alerts: 0 },
      { image_id: photos.ada, state: 'done', camera: 'north-gate', faces: 3, matches: 1, alerts: 1 },
    ]);
  });

  it('timeline-of-an-image.sql', async () => {
    const latest = await run('timeline-of-an-image.sql');
    expect(latest).toMatchObject([
      { topic: 'image.received', outcome: 'refused', code: 'image_format_unsupported' },
    ]);
    const steps = await run('timeline-of-an-image.sql', (text) =>
      text.replace('from watchpost.image as i', `from watchpost.image as i where i.id = '${photos.ada}'`),
    );
    expect(steps.map((step) => `${step.topic} ${step.task} ${step.outcome}`)).toEqual([
      'image.received detect done',
      ...Array(3).fill('face.detected embed done'),
      ...Array(3).fill('face.embedded match done'),
      'match.found alert done',
      'alert.raised notify done',
    ]);
    const timed = steps.filter((step) => step.task);
    expect(timed.filter((step) => !(step.waited_ms >= 0 && step.duration_ms > 0))).toEqual([]);
  });

  it('what-failed-and-why.sql', async () => {
    expect(await run('what-failed-and-why.sql')).toMatchObject([
      {
        task: 'detect',
        outcome: 'refused',
        code: 'image_format_unsupported',
        failures: '1',
        latest_error: expect.stringMatching(/JPEG/),
        latest_image_id: photos.text,
      },
    ]);
  });

  it('slowest-stages.sql', async () => {
    const stages = await run('slowest-stages.sql');
    const events = Object.fromEntries(stages.map((stage) => [stage.task, Number(stage.events)]));
    // Three photos of three faces, of which one was enrolled and the others were matched. Ada was listed, enrolled, and
    // then searched for in past faces, of which there are none.
    expect(events).toEqual({ detect: 3, embed: 9, match: 6, alert: 1, enrol: 1, notify: 1, backfill: 3 });
    const p95 = stages.map((stage) => Number(stage.p95_ms));
    expect(p95).toEqual(p95.toSorted((a, b) => b - a));
    expect(stages.filter((stage) => Number(stage.p50_ms) > Number(stage.p95_ms))).toEqual([]);
  });

  it('submit-an-image.sql', async () => {
    const [inserted] = await run('submit-an-image.sql', withPhoto(sample(5)));
    const [called] = await database.rows(
      `select id from watchpost.image where idempotency_key = 'north-gate frame 4711'`,
    );
    for (const id of [inserted.image_id, called.id]) {
      expect(await untilFinal(database, id)).toMatchObject({ state: 'done', camera: 'north-gate', faces: 5 });
    }
    expect(called.id).not.toBe(inserted.image_id);
    const [pixel] = await run('submit-an-image.sql', (text) => text.replace(`:'key'`, `'4712'`));
    expect(await untilFinal(database, pixel.image_id), 'as it stands').toMatchObject({
      state: 'done',
      code: 'no_face',
    });
  });

  it('drop-old-photo-bytes.sql', async () => {
    expect(await run('drop-old-photo-bytes.sql')).toMatchObject([{ photos: '0' }]);
    await database.rows(`update watchpost.image set received_at = now() - interval '31 days' where id = $1`, [
      photos.ada,
    ]);
    expect(await run('drop-old-photo-bytes.sql')).toEqual([{ photos: '1', bytes: String(sample(1).length) }]);
    expect(await run('drop-old-photo-bytes.sql')).toMatchObject([{ photos: '0' }]);
    const [status] = await database.rows(
      'select state, faces, matches from watchpost.image_status where image_id = $1',
      [photos.ada],
    );
    expect(status).toEqual({ state: 'done', faces: 3, matches: 1 });
  });
});
