import { readdirSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const folder = new URL('../../sql/examples/', import.meta.url);
const ran = new Set<string>();

describe('sql/examples', () => {
  let database: TestDatabase;
  /** Ada at the north gate, then a stranger in profile who looks like her, then text that is no photo. */
  const photos = { ada: '', profile: '', text: '' };

  beforeAll(async () => {
    database = await freshDatabase();
    await runWorker(database, await realVision());
    await database.rows(
      `insert into watchpost.camera (name, location, zone) values ('north-gate', 'North gate', 'outside')`,
    );
    const { watchlistId } = await enrolAda(database);
    await database.rows(`update watchpost.watchlist set name = 'missing' where id = $1`, [watchlistId]);
    const process = async (bytes: Buffer) => {
      const id = await submit(database, bytes, 'north-gate');
      await untilFinal(database, id);
      return id;
    };
    photos.ada = await process(sample(1));
    await setThreshold(0.4);
    photos.profile = await process(sample(2));
    await setThreshold(0.45);
    photos.text = await process(Buffer.from('this is no photo'));
  });

  /** Runs a file and gives the rows of its last statement that has some; `edit` puts in what a reader would. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what its example answers.
  const run = async (name: string, edit = (text: string) => text): Promise<any[]> => {
    ran.add(name);
    const result = await database.pool.query(edit(readFileSync(new URL(name, folder), 'utf8')));
    const results = Array.isArray(result) ? result : [result];
    return results.map((one) => one.rows).findLast((rows) => rows.length > 0) ?? [];
  };
  const setThreshold = (threshold: number) =>
    database.rows(`update watchpost.watchlist set threshold = $1 where name = 'missing'`, [threshold]);
  const withPhoto = (photo: Buffer) => (text: string) =>
    text.replaceAll(/decode\('[^']+', 'base64'\)/g, `decode('${photo.toString('base64')}', 'base64')`);

  it('last-seen.sql', async () => {
    expect(await run('last-seen.sql')).toMatchObject([
      {
        person: 'Ada',
        camera: 'north-gate',
        location: 'North gate',
        similarity: expect.stringMatching(/^0\.7/),
      },
    ]);
  });

  it('sightings-of-a-person.sql', async () => {
    expect(await run('sightings-of-a-person.sql')).toMatchObject([
      { location: 'North gate', watchlist: 'missing', image_id: photos.ada },
    ]);
    const ofAnother = await run('sightings-of-a-person.sql', (text) => text.replace(`'Ada'`, `'Bea'`));
    expect(ofAnother).toEqual([]);
  });

  it('alerts-today.sql', async () => {
    expect(await run('alerts-today.sql')).toMatchObject([
      {
        severity: 'warning',
        person: 'Ada',
        watchlist: 'missing',
        location: 'North gate',
        sightings: 1,
        state: 'open',
      },
    ]);
    await database.rows(`update watchpost.alert set created_at = now() - interval '2 days'`);
    expect(await run('alerts-today.sql')).toEqual([]);
  });

  it('image-status.sql', async () => {
    expect(await run('image-status.sql')).toMatchObject([
      { image_id: photos.text, state: 'failed', code: 'image_format_unsupported', faces: 0 },
      { image_id: photos.profile, state: 'done', code: null, faces: 3, matches: 0, alerts: 0 },
      { image_id: photos.ada, state: 'done', camera: 'north-gate', faces: 3, matches: 1, alerts: 1 },
    ]);
  });

  it('timeline-of-an-image.sql', async () => {
    const latest = await run('timeline-of-an-image.sql');
    expect(latest).toMatchObject([
      { topic: 'image.received', outcome: 'failed', code: 'image_format_unsupported' },
    ]);
    const steps = await run('timeline-of-an-image.sql', (text) =>
      text.replace('from watchpost.image as i', `from watchpost.image as i where i.id = '${photos.ada}'`),
    );
    expect(steps.map((step) => `${step.topic} ${step.task} ${step.outcome}`)).toEqual([
      'image.received detect done',
      ...Array(3).fill('face.detected embed done'),
      ...Array(3).fill('face.embedded match done'),
      'match.found alert done',
      'alert.raised null null',
    ]);
    const timed = steps.filter((step) => step.task);
    expect(timed.filter((step) => !(step.waited_ms >= 0 && step.duration_ms > 0))).toEqual([]);
  });

  it('what-failed-and-why.sql', async () => {
    expect(await run('what-failed-and-why.sql')).toMatchObject([
      {
        task: 'detect',
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
    // Three photos of three faces, of which one was enrolled and the others were matched.
    expect(events).toEqual({ detect: 3, embed: 9, match: 6, alert: 1, enrol: 1 });
    const p95 = stages.map((stage) => Number(stage.p95_ms));
    expect(p95).toEqual(p95.toSorted((a, b) => b - a));
    expect(stages.filter((stage) => Number(stage.p50_ms) > Number(stage.p95_ms))).toEqual([]);
  });

  it('near-misses.sql', async () => {
    await setThreshold(0.75);
    onTestFinished(async () => {
      await setThreshold(0.45);
    });
    expect(await run('near-misses.sql')).toEqual([]);
    const near = await submit(database, sample(1), 'north-gate');
    await untilFinal(database, near);
    const misses = await run('near-misses.sql');
    expect(misses).toMatchObject([
      { person: 'Ada', watchlist: 'missing', threshold: '0.750', image_id: near },
    ]);
    expect(Number(misses[0].similarity)).toBeGreaterThan(0.65);
  });

  it('faces-gated.sql', async () => {
    expect(await run('faces-gated.sql')).toMatchObject([
      { person: 'Ada', reasons: expect.arrayContaining(['profile']), image_id: photos.profile },
    ]);
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
    const [pixel] = await run('submit-an-image.sql', (text) => text.replace('4711', '4712'));
    expect(await untilFinal(database, pixel.image_id), 'as it stands').toMatchObject({
      state: 'done',
      code: 'no_face',
    });
  });

  it('enrol-a-person.sql, then forget-a-person.sql', async () => {
    // The one face of sample 3 that stands alone when the left third is cut out.
    const { width = 0, height = 0 } = await sharp(sample(3)).metadata();
    const alone = await sharp(sample(3))
      .extract({ left: 0, top: 0, width: Math.round(width * 0.36), height })
      .toBuffer();
    const [photo] = await run('enrol-a-person.sql', withPhoto(alone));
    expect(await untilFinal(database, photo.image_id)).toMatchObject({ state: 'done', faces: 1 });
    const known = () =>
      database.rows(`
        select p.name, w.name as watchlist, count(r.id)::int as "references"
        from watchpost.person as p
        join watchpost.watchlist_entry as e on e.person_id = p.id
        join watchpost.watchlist as w on w.id = e.watchlist_id
        join watchpost.reference as r on r.person_id = p.id
        group by 1, 2 order by 1
      `);
    expect(await known()).toEqual([
      { name: 'Ada', watchlist: 'missing', references: 1 },
      { name: 'Grace', watchlist: 'wanted', references: 1 },
    ]);

    expect(await run('forget-a-person.sql')).toMatchObject([{ name: 'Grace', photos: '1' }]);
    expect(await known()).toMatchObject([{ name: 'Ada' }]);
    expect(await database.rows('select id from watchpost.image where id = $1', [photo.image_id])).toEqual([]);
  });

  it('queue-now.sql', async () => {
    const workers = [
      { what: 'workers heard of in the last 30 seconds', count: '2', task: expect.stringMatching(/:\d+$/) },
    ];
    // A job is taken off the queue a moment after its work is on record.
    await until(async () => (await database.rows('select id from graphile_worker.jobs')).length === 0);
    expect(await run('queue-now.sql')).toMatchObject(workers);
    await database.rows(`select graphile_worker.add_job('of_nobody')`);
    expect(await run('queue-now.sql')).toMatchObject([
      { what: 'jobs waiting', task: 'of_nobody', count: '1' },
      ...workers,
    ]);
  });

  it('add-a-consumer.sql', async () => {
    const added = [{ topic: 'alert.raised', task: 'notify_guards', enabled: true }];
    expect(await run('add-a-consumer.sql')).toEqual(added);
    expect(await run('add-a-consumer.sql'), 'may be run again').toEqual(added);
    await database.rows(`insert into watchpost.camera (name, location) values ('yard', 'Yard')`);
    const seen = await submit(database, sample(1), 'yard');
    await until(async () => {
      const jobs = await database.rows(
        `select id from graphile_worker.jobs where task_identifier = 'notify_guards'`,
      );
      return jobs.length > 0;
    });
    const [event] = await database.rows(
      `select tasks from watchpost.event where topic = 'alert.raised' and image_id = $1`,
      [seen],
    );
    expect(event.tasks).toEqual(['notify_guards']);
  });

  it('lineage-of-an-alert.sql', async () => {
    const rows = await run('lineage-of-an-alert.sql');
    expect(rows.map((row) => row.person)).toEqual(['Ada']);
  });

  it('switch-description-on.sql, then what it gives, who did it, and forgetting', async () => {
    const [{ count }] = (await database.rows(
      `select count(*)::int as count from watchpost.face as f
       join watchpost.image_bytes as b on b.image_id = f.image_id where f.superseded_at is null`,
    )) as [{ count: number }];
    expect(await run('switch-description-on.sql')).toMatchObject([{ faces_of_the_past: count }]);
    await until(async () => {
      const described = await database.rows('select id from watchpost.demography');
      return described.length === count;
    });
    const groups = await run('ages-and-genders.sql');
    expect(new Set(groups.map((group) => group.camera))).toContain('north-gate');
    for (const group of groups) {
      expect(group.ages).toMatch(/^\d+ to \d+$/);
      expect(Number(group.men_expected)).toBeLessThanOrEqual(Number(group.faces) * 0.5);
    }

    const changes = await run('who-changed-what-is-done.sql');
    expect(changes.slice(0, 2)).toMatchObject(
      Array(2).fill({
        task: 'describe',
        was_on: false,
        is_on: true,
        note: expect.stringContaining('DPIA-12'),
      }),
    );

    expect(await run('forget-ages-and-genders.sql')).toEqual([{ estimates: '0' }]);
    await database.rows(`update watchpost.demography set created_at = now() - interval '31 days'`);
    expect(await run('forget-ages-and-genders.sql')).toEqual([{ estimates: String(count) }]);
    await database.rows(`select watchpost.switch_task('describe', false)`);
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

  afterAll(() => {
    expect(
      readdirSync(folder).filter((name) => !ran.has(name)),
      'examples that no test has run',
    ).toEqual([]);
  });
});
