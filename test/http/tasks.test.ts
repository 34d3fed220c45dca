import { beforeAll, describe, expect, it } from 'vitest';
import { stages } from '../../src/stages/index.ts';
import type { Vision } from '../../src/vision/index.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { factsOf } from '../support/facts.ts';
import { sample } from '../support/photos.ts';
import { realVision, runWorker, submit, untilFinal, untilIdle } from '../support/pipeline.ts';
import { type Api, admit, expectNothingLeft, expectProblem, formOf, idleProcess, listen } from './support.ts';

let database: TestDatabase;
let vision: Vision;
let api: Api;
let byHand: string;

/** An API without a worker and with a stopped relay, so that only calls change anything. */
beforeAll(async () => {
  database = await freshDatabase();
  vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  await database.rows(
    `insert into watchpost.camera (name, location) values ('gate', 'North gate'), ('yard', 'Yard')`,
  );
  await database.rows(`insert into watchpost.watchlist (name) values ('wanted')`);
});

const run = async (task: string, payload: unknown) => {
  const { status, body } = await api.call('POST', `/v1/tasks/${task}`, payload);
  expect(status).toBe(200);
  expect(body.task).toBe(task);
  return body.handled as { event_id: string; outcome: string; code?: string; error?: string }[];
};

/** The payloads of an image's events of a topic. */
const payloadsOf = async (imageId: string, topic: string): Promise<Record<string, string>[]> => {
  const rows = await database.rows(
    'select payload from watchpost.event where image_id = $1 and topic = $2 order by id',
    [imageId, topic],
  );
  return rows.map((row) => row.payload);
};

const runAll = async (imageId: string, steps: [topic: string, task: string][]) => {
  for (const [topic, task] of steps) {
    for (const payload of await payloadsOf(imageId, topic)) {
      expect(await run(task, payload)).toMatchObject([{ outcome: 'done' }]);
    }
  }
};

const enrolment: [string, string][] = [
  ['photo.added', 'detect'],
  ['face.detected', 'embed'],
  ['photo.embedded', 'enrol'],
];
const sighting: [string, string][] = [
  ['image.received', 'detect'],
  ['face.detected', 'embed'],
  ['face.embedded', 'match'],
  ['match.found', 'alert'],
  ['alert.raised', 'notify'],
];

/** Rows of every table that a stage writes to. */
const counts = async () => {
  const tables = [
    'face',
    'embedding',
    'reference',
    'search',
    'match',
    'alert',
    'alert_match',
    'event',
    'handling',
  ];
  const parts = tables.map((table) => `(select count(*)::int from watchpost.${table}) as ${table}`);
  const [row] = await database.rows(
    `select ${parts.join(', ')}, (select sum(sightings)::int from watchpost.alert) as seen`,
  );
  return row;
};

describe('POST /v1/tasks/{task}, with no worker running', () => {
  it('enrols a person and raises an alert, called stage by stage with the payload of each event', async () => {
    const { body: person } = await api.call('POST', '/v1/persons', { name: 'Ada', watchlists: ['wanted'] });
    const photos = `/v1/persons/${person.id}/photos`;
    const { body: photo } = await api.call('POST', photos, formOf(sample(3), { face: '2' }));
    await runAll(photo.image_id, enrolment);
    expect(await untilFinal(database, photo.image_id)).toMatchObject({ state: 'done', faces: 3 });

    const { body: image } = await api.call('POST', '/v1/images', formOf(sample(1), { camera: 'gate' }));
    byHand = image.id;
    await runAll(byHand, sighting);
    expect(await untilFinal(database, byHand)).toMatchObject({
      state: 'done',
      faces: 3,
      matches: 1,
      alerts: 1,
    });
  });

  it('changes nothing when it is called again', async () => {
    const before = await counts();
    for (const [topic, task] of sighting) {
      const payloads = await payloadsOf(byHand, topic);
      const handled = await run(task, payloads);
      expect(handled.map(({ outcome }) => outcome)).toEqual(payloads.map(() => 'done_before'));
    }
    expect(await counts()).toEqual(before);
  });

  it('runs once for ten simultaneous calls', async () => {
    const id = await submit(database, sample(4));
    const calls = Array.from({ length: 10 }, () => run('detect', { image_id: id }));
    const outcomes = (await Promise.all(calls)).flat().map(({ outcome }) => outcome);
    expect(outcomes.toSorted()).toEqual(['done', ...Array(9).fill('done_before')]);
    expect(await database.rows('select from watchpost.face where image_id = $1', [id])).toHaveLength(4);
    // Part of a payload means every event that contains it.
    const embedded = await run('embed', { image_id: id });
    expect(embedded.map(({ outcome }) => outcome)).toEqual(Array(4).fill('done'));
  });

  it('accepts the event_id of a job, and then handles that event only', async () => {
    const id = await submit(database, sample(4));
    await run('detect', { image_id: id });
    const [event] = await database.rows(
      `select id, payload from watchpost.event where image_id = $1 and topic = 'face.detected' limit 1`,
      [id],
    );
    const handled = await run('embed', { image_id: id, event_id: event.id });
    expect(handled).toEqual([{ event_id: event.id, outcome: 'done' }]);
  });

  it('refuses unknown tasks, unknown events, and events of other tasks', async () => {
    const call = (task: string, payload: unknown) => api.call('POST', `/v1/tasks/${task}`, payload);
    const { hint } = expectProblem(await call('detekt', { image_id: byHand }), 'task_unknown');
    expect(hint).toBe(`Tasks: ${stages.map((stage) => stage.task).join(', ')}.`);
    const other = '01890000-0000-7000-8000-000000000000';
    expectProblem(await call('detect', { image_id: other }), 'event_unknown');
    const [known] = await payloadsOf(byHand, 'image.received');
    const some = await call('detect', [known, { image_id: other }]);
    expect(some.body).toMatchObject({
      handled: [{ outcome: 'done_before' }],
      unknown: [{ image_id: other }],
    });
    expectProblem(await call('detect', { image_id: byHand, face_id: other }), 'event_unknown');
    expectProblem(await call('enrol', { image_id: byHand }), 'event_unknown');
    for (const payload of [{}, [], 5, { image_id: 'all' }, [{ image_id: byHand }, 5]]) {
      expect(expectProblem(await call('detect', payload), 'body_invalid').detail).toMatch(
        /payload of an event|^image_id: /,
      );
    }
  });

  it('answers a refusal, and a failure for good, with a code and a sentence', async () => {
    const dropped = await submit(database, sample(4));
    await database.rows('update watchpost.image set bytes = null where id = $1', [dropped]);
    expect(await run('detect', { image_id: dropped })).toMatchObject([
      { outcome: 'refused', code: 'image_bytes_gone', error: expect.stringMatching(/dropped/) },
    ]);
    expect(await untilFinal(database, dropped)).toMatchObject({ state: 'failed', code: 'image_bytes_gone' });

    const gone = await submit(database, sample(4));
    await database.rows('delete from watchpost.image where id = $1', [gone]);
    expect(await run('detect', { image_id: gone })).toMatchObject([{ outcome: 'gone', code: 'row_missing' }]);

    await database.rows(
      `insert into watchpost.subscription (topic, task) values ('image.received', 'embed')`,
    );
    const misled = await submit(database, sample(4));
    await database.rows(
      `delete from watchpost.subscription where topic = 'image.received' and task = 'embed'`,
    );
    expect(await run('embed', { image_id: misled })).toMatchObject([
      { outcome: 'failed', code: 'payload_invalid' },
    ]);
  });
});

describe('an event whose handling by hand fails for the moment', () => {
  it('waits for a worker if it waited before, and stays a dead letter if it was one', async () => {
    const [waiting, dead] = [await submit(database, sample(4)), await submit(database, sample(4))];
    await database.rows(
      `with gone as (delete from watchpost.outbox where payload ->> 'image_id' = $1 returning event_id)
       insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
       select g.event_id, 'detect', 'failed', 5, now(), 0, 'worker_lost', 'Each time.' from gone as g`,
      [dead],
    );
    await database.rows('alter table watchpost.face add constraint refused check (false) not valid');
    try {
      expect(await run('detect', { image_id: waiting })).toMatchObject([{ outcome: 'retry' }]);
      expect(await run('detect', { image_id: dead })).toMatchObject([{ outcome: 'failed' }]);
    } finally {
      await database.rows('alter table watchpost.face drop constraint refused');
    }
    expect(await untilFinal(database, dead)).toMatchObject({ state: 'failed' });
    expect(
      await database.rows('select code from watchpost.dead_letter where image_id = any ($1)', [
        [waiting, dead],
      ]),
    ).toEqual([{ code: 'value_invalid' }]);
    expect(await run('detect', { image_id: dead })).toMatchObject([{ outcome: 'done' }]);
  });
});

describe('a worker that starts later', () => {
  it('leaves events that a call has handled as they are, and handles the rest', async () => {
    const before = await factsOf(database, byHand);
    await runWorker(database, vision);
    for (const { id } of await database.rows('select id from watchpost.image'))
      await untilFinal(database, id);
    await expectNothingLeft(database);
    expect(await factsOf(database, byHand)).toEqual(before);
    const twice = await database.rows(
      `select event_id, task from watchpost.handling where outcome = 'done' group by 1, 2 having count(*) > 1`,
    );
    expect(twice).toEqual([]);
  });

  it('writes the same rows for the same photo', async () => {
    const byWorker = await submit(database, sample(1), 'yard');
    await untilFinal(database, byWorker);
    const facts = await factsOf(database, byWorker);
    expect(facts.sightings).toMatchObject([{ person: 'Ada', watchlist: 'wanted' }]);
    expect(facts).toEqual(await factsOf(database, byHand));

    const personPhoto = `select watchpost.add_person_photo((select id from watchpost.person), $1, 2::smallint)`;
    await database.rows(personPhoto, [sample(3)]);
    await untilIdle(database);
    const references = `select r.model_id, r.vector from watchpost.reference r order by r.id`;
    const [hand, worker, ...others] = await database.rows(references);
    expect(others).toEqual([]);
    const [{ cosine }] = (await database.rows('select 1 - ($1::halfvec <=> $2::halfvec) as cosine', [
      hand.vector,
      worker.vector,
    ])) as [{ cosine: number }];
    expect(worker.model_id).toBe(hand.model_id);
    expect(cosine).toBeGreaterThan(0.999);
  });
});
