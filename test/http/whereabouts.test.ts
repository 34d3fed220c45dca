import { beforeAll, describe, expect, it } from 'vitest';
import { chanceInWords } from '../../src/watchlist/alert-origin.ts';
import { addCamera, addWatchlist, setCamera, setWatchlist } from '../../src/watchlist/registry.ts';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { addKnownPerson, addMatch, addModel, addReference } from '../support/fabricate.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, bearer, expectProblem, idleProcess, keyWith, listen } from './support.ts';

const unknownId = '01890000-0000-7000-8000-000000000000';
const vector = [1, 0, 0, 0];

let database: TestDatabase;
let api: Api;
let model: string;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  model = await addModel(database, 'alerts-model', vector.length);
});

const get = async (path: string) => {
  const { status, body } = await api.call('GET', path);
  expect(status).toBe(200);
  return body;
};

describe('GET /v1/persons', () => {
  const find = async (query: string) =>
    (await get(`/v1/persons?query=${encodeURIComponent(query)}`)).persons.map(
      ({ name }: { name: string }) => name,
    );

  it('finds people by any part of the name, in capitals or not, and takes no character for a wildcard', async () => {
    for (const name of ['Ann Lovelace', 'Lovelock, Jo', '50% off', 'a_b', 'a\\b']) {
      await database.rows('insert into watchpost.person (name) values ($1)', [name]);
    }
    expect(await find('LOVEL')).toEqual(['Ann Lovelace', 'Lovelock, Jo']);
    expect(await find('ck, j')).toEqual(['Lovelock, Jo']);
    expect(await find('%')).toEqual(['50% off']);
    expect(await find('_')).toEqual(['a_b']);
    expect(await find('\\')).toEqual(['a\\b']);
    expect(await find('lovely')).toEqual([]);
  });

  it('has an index for that', async () => {
    const plan = await database.pool.connect().then(async (client) => {
      await client.query('begin');
      await client.query('set local enable_seqscan = off');
      await client.query('set local enable_indexscan = off');
      const { rows } = await client.query(
        `explain select from watchpost.person as p where lower(p.name) like lower('%lovel%')`,
      );
      await client.query('rollback');
      client.release();
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    });
    expect(plan).toContain('person_name_parts');
  });

  it('has the best photo of each', async () => {
    const { personId } = await addKnownPerson(database, { name: 'Pictured', model, vector });
    const [photo] = await database.rows(
      `select person_photo_id as id, image_id, face_id from watchpost.best_photo where person_id = $1`,
      [personId],
    );
    const { persons } = await get('/v1/persons?query=pictured');
    expect(persons).toMatchObject([{ id: personId, best_photo: photo }]);
    expect((await get('/v1/persons?query=lovelace')).persons).toMatchObject([{ best_photo: null }]);
  });
});

describe('where a person was seen', () => {
  let person: string;
  let plan: string;
  let gate: string;
  const lists: string[] = [];
  const seen = async (camera: string | null, time: string, similarity = 0.7) =>
    addMatch(database, {
      ...{ model, personId: person, watchlistId: lists[0] as string, similarity, camera },
      capturedAt: `2026-05-01T${time}:00Z`,
    });

  /** Twice at the gate, on two lists the first time; then in the hall, at the gate again, and in a photo of no camera. */
  beforeAll(async () => {
    const [made] = await database.rows(
      `insert into watchpost.plan (name, image, mime, width, height) values ('yard', 'x', 'image/png', 10, 10) returning id`,
    );
    plan = made.id;
    gate = (
      await addCamera(database.db, { name: 'gate', location: 'Gate', plan: { id: plan, x: 0.25, y: 0.5 } })
    ).id;
    await addCamera(database.db, { name: 'hall', location: 'Hall', zone: 'inside' });
    for (const name of ['b', 'a']) lists.push((await addWatchlist(database.db, { name })).id);
    person = (await addKnownPerson(database, { name: 'Walker', model, vector, watchlists: lists })).personId;
    const first = await seen('gate', '10:00', 0.8);
    await database.rows(
      `insert into watchpost.match (search_id, image_id, face_id, person_id, watchlist_id, similarity, threshold)
       select search_id, image_id, face_id, person_id, $2, similarity, threshold from watchpost.match where id = $1`,
      [first, lists[1]],
    );
    await seen('gate', '10:05');
    await seen('hall', '11:00');
    await seen('gate', '12:00');
    await seen(null, '13:00');
  });

  const times = (rows: { seen_at: string }[]) => rows.map((row) => row.seen_at.slice(11, 16));

  it('is one sighting a face, the latest first, with place, plan and lists', async () => {
    const { sightings, next } = await get(`/v1/persons/${person}/sightings`);
    expect(times(sightings)).toEqual(['13:00', '12:00', '11:00', '10:05', '10:00']);
    expect(next).toBeNull();
    const atGate = {
      camera_id: gate,
      camera: 'gate',
      location: 'Gate',
      zone: null,
      plan: { id: plan, x: 0.25, y: 0.5 },
    };
    expect(sightings.at(-1)).toMatchObject({
      ...atGate,
      similarity: expect.closeTo(0.8),
      retroactive: false,
      watchlists: [
        { id: lists[1], name: 'a', alert_id: null },
        { id: lists[0], name: 'b', alert_id: null },
      ],
    });
    expect(sightings[0]).toMatchObject({ camera_id: null, camera: null, location: null, plan: null });
    expect(sightings[2]).toMatchObject({ camera: 'hall', zone: 'inside', plan: null });
  });

  it('comes in pages, and of a time', async () => {
    const first = await get(`/v1/persons/${person}/sightings?limit=2`);
    expect(times(first.sightings)).toEqual(['13:00', '12:00']);
    const second = await get(`/v1/persons/${person}/sightings?limit=3&after=${first.next}`);
    expect(times(second.sightings)).toEqual(['11:00', '10:05', '10:00']);
    const between = await get(
      `/v1/persons/${person}/sightings?since=2026-05-01T10:05:00Z&until=2026-05-01T12:00:00Z`,
    );
    expect(times(between.sightings)).toEqual(['11:00', '10:05']);
    expectProblem(
      await api.call('GET', `/v1/persons/${person}/sightings?after=${unknownId}`),
      'face_unknown',
    );
  });

  it('is a path of stays, oldest first', async () => {
    const { stays } = await get(`/v1/persons/${person}/path`);
    const clock = (time: string) => time.slice(11, 16);
    expect(
      stays.map((stay: { camera: string; from: string; to: string; sightings: number; plan: object }) => [
        ...[stay.camera, clock(stay.from), clock(stay.to), stay.sightings, stay.plan !== null],
      ]),
    ).toEqual([
      ['gate', '10:00', '10:05', 2, true],
      ['hall', '11:00', '11:00', 1, false],
      ['gate', '12:00', '12:00', 1, true],
      [null, '13:00', '13:00', 1, false],
    ]);
    expect(stays[0]).toMatchObject({ similarity: expect.closeTo(0.8), plan: { id: plan, x: 0.25, y: 0.5 } });
    const apart = await get(`/v1/persons/${person}/path?apart_seconds=60&until=2026-05-01T11:00:00Z`);
    expect(apart.stays).toHaveLength(2);
    const latest = await get(`/v1/persons/${person}/path?limit=2`);
    expect(latest.stays.map(({ camera }: { camera: string | null }) => camera)).toEqual(['gate', null]);
  });

  it('has no point on a plan for what was seen where the camera is not any more', async () => {
    await setCamera(database.db, gate, { location: 'Back door' });
    const { stays } = await get(`/v1/persons/${person}/path`);
    expect(stays[0]).toMatchObject({ location: 'Gate', plan: null });
    await setCamera(database.db, gate, { location: 'Gate' });
    expect((await get(`/v1/persons/${person}/path`)).stays[0].plan).not.toBeNull();
  });

  it('is nobody’s for an unknown person, and needs the scope to read', async () => {
    const submitter = await keyWith(database, { scopes: ['submit'] });
    for (const what of ['sightings', 'path', 'cannot-links']) {
      expectProblem(await api.call('GET', `/v1/persons/${unknownId}/${what}`), 'person_unknown');
      const asked = await api.call('GET', `/v1/persons/${person}/${what}`, undefined, bearer(submitter.key));
      expectProblem(asked, 'scope_missing');
    }
  });

  it('is less once a face is said not to be them, which can be taken back, on record', async () => {
    const address = `/v1/persons/${person}/cannot-links`;
    const [{ face_id, image_id }] = (await get(`/v1/persons/${person}/sightings?limit=1`)).sightings;
    const said = await api.call('POST', address, { face_id, reason: 'a twin' });
    const link = {
      id: said.body.id,
      face: { id: face_id, image_id },
      person: null,
      reason: 'a twin',
      alert_id: null,
    };
    expect(said).toMatchObject({
      status: 201,
      body: { ...link, created_by: expect.stringMatching(/^api:/) },
    });
    expect(times((await get(`/v1/persons/${person}/sightings`)).sightings)).toEqual([
      '12:00',
      '11:00',
      '10:05',
      '10:00',
    ]);
    expect(await api.call('POST', address, { face_id })).toMatchObject({ status: 200, body: link });
    expect((await get(address)).cannot_links).toMatchObject([link]);
    expect((await api.call('DELETE', `${address}/${link.id}`)).status).toBe(204);
    expect((await get(address)).cannot_links).toEqual([]);
    const events = await database.rows(
      `select topic, payload ->> 'by' as by from watchpost.event where subject_id = $1 order by id`,
      [link.id],
    );
    const by = expect.stringMatching(/^api:/);
    expect(events).toEqual([
      { topic: 'cannot_link.added', by },
      { topic: 'cannot_link.removed', by },
    ]);
    expectProblem(await api.call('DELETE', `${address}/${link.id}`), 'cannot_link_unknown');
  });

  it('two people are said to be two, seen from either of them', async () => {
    const { personId: twin } = await addKnownPerson(database, { name: 'Twin', model, vector: [0, 1, 0, 0] });
    const said = await api.call('POST', `/v1/persons/${person}/cannot-links`, { person_id: twin });
    expect(said).toMatchObject({ status: 201, body: { face: null, person: { id: twin, name: 'Twin' } } });
    const { cannot_links } = await get(`/v1/persons/${twin}/cannot-links`);
    expect(cannot_links).toMatchObject([{ id: said.body.id, person: { id: person, name: 'Walker' } }]);
    const again = await api.call('POST', `/v1/persons/${twin}/cannot-links`, { person_id: person });
    expect(again).toMatchObject({ status: 200, body: { id: said.body.id } });
    expect((await api.call('DELETE', `/v1/persons/${twin}/cannot-links/${said.body.id}`)).status).toBe(204);
  });

  it('refuses to say nothing, both, oneself, and what is not there', async () => {
    const say = (body: object) => api.call('POST', `/v1/persons/${person}/cannot-links`, body);
    expectProblem(await say({}), 'body_invalid');
    expectProblem(await say({ face_id: unknownId, person_id: unknownId }), 'body_invalid');
    expectProblem(await say({ person_id: person }), 'cannot_link_self');
    expectProblem(await say({ person_id: unknownId }), 'person_unknown');
    expectProblem(await say({ face_id: unknownId }), 'face_unknown');
    expect((await get(`/v1/persons/${person}/cannot-links`)).cannot_links).toEqual([]);
  });
});

describe('GET /v1/alerts/{id}', () => {
  /** Strangers of a gallery of two people: of a thousand this many reach 0.6, of them none 0.8. */
  const calibrate = (passed: number) =>
    database.rows(
      `with head as (
         insert into watchpost.calibration (model_id, source, people, photos, probes, strangers, command, created_by)
         values ($1, 'fabricated', 2, 2, 0, 1000, 'none', 'a test')
         returning id
       )
       insert into watchpost.calibration_point (calibration_id, threshold, false_positives, hits, wrong_names, fpir)
       select h.id, (n / 100.0)::real, c.count, 0, 0, c.count / 1000.0
       from head as h
       cross join generate_series(0, 100) as n
       cross join lateral (select case when n < 60 then 1000 when n < 80 then $2 else 0 end as count) as c`,
      [model, passed],
    );

  it('says what the similarity means, against a list of this size, once something was measured', async () => {
    const list = (await addWatchlist(database.db, { name: 'measured' })).id;
    const near = await raiseAlert(database, { watchlistId: list, similarity: 0.7 });
    const nearer = await raiseAlert(database, { watchlistId: list, similarity: 0.9 });
    await addReference(database, { personId: near.personId, model, vector });
    const chance = async (alert: { alertId: string }) => {
      const { false_positive_rate, in_words } = await get(`/v1/alerts/${alert.alertId}`);
      return { false_positive_rate, in_words };
    };
    expect(await chance(near)).toEqual({ false_positive_rate: null, in_words: null });
    await calibrate(500);
    await calibrate(10);
    expect(await chance(near), 'as many as in the calibration, at least one').toEqual({
      false_positive_rate: expect.closeTo(0.005, 3),
      in_words: '1 in 200 strangers',
    });
    const people = [near, nearer].map(({ personId }) => personId);
    for (let n = 0; n < 6; n++) {
      people.push((await addKnownPerson(database, { name: `Listed ${n}`, model, vector })).personId);
    }
    await database.rows(
      'insert into watchpost.watchlist_entry (watchlist_id, person_id) select $1, unnest($2::uuid[])',
      [list, people],
    );
    expect(await chance(near), 'four times as many people').toEqual({
      false_positive_rate: expect.closeTo(0.0394, 4),
      in_words: '1 in 25 strangers',
    });
    expect(await chance(nearer), 'none of a thousand, so three of them at most').toEqual({
      false_positive_rate: expect.closeTo(0.01195, 4),
      in_words: 'fewer than 1 in 84 strangers',
    });
  });

  it('has the words for shares that are large and small', () => {
    expect([1, 0.7, 0.5, 0.1, 1 / 347, 1e-6].map((rate) => chanceInWords(rate, false))).toEqual([
      ...['nearly every stranger', 'nearly every stranger', '1 in 2 strangers', '1 in 10 strangers'],
      ...['1 in 350 strangers', '1 in 1,000,000 strangers'],
    ]);
  });

  it('has the color and the sound of its list, and is found by whether somebody has to acknowledge it', async () => {
    const { id: list } = await addWatchlist(database.db, { name: 'loud', color: '#d4201a', sound: 'alarm' });
    await setWatchlist(database.db, list, { must_acknowledge: true });
    const { alertId } = await raiseAlert(database, { watchlistId: list });
    const screen = { color: '#d4201a', sound: 'alarm', must_acknowledge: true, watchlist_id: list };
    expect(await get(`/v1/alerts/${alertId}`)).toMatchObject({ ...screen, camera_id: expect.any(String) });
    expect((await get('/v1/alerts?must_acknowledge=true')).alerts).toMatchObject([
      { id: alertId, ...screen },
    ]);
    const others = (await get('/v1/alerts?must_acknowledge=false')).alerts;
    expect(others.length).toBeGreaterThan(0);
    expect(others.map(({ id }: { id: string }) => id)).not.toContain(alertId);
  });
});
