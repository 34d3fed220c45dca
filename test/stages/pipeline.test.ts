import { beforeAll, describe, expect, it } from 'vitest';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { factsOf } from '../support/facts.ts';
import { sample } from '../support/photos.ts';
import {
  enrolAda,
  openApi,
  realVision,
  runWorker,
  submit,
  untilFinal,
  untilIdle,
} from '../support/pipeline.ts';

describe('from a photo to an alert', () => {
  let database: TestDatabase;
  let api: Awaited<ReturnType<typeof openApi>>;
  let ada: Awaited<ReturnType<typeof enrolAda>>;

  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    const worker = await runWorker(database, vision);
    api = await openApi(database, vision, worker);
    await database.rows(
      `insert into watchpost.camera (name, location, zone) values
         ('gate', 'North gate', 'outside'), ('lobby', 'Lobby', 'inside')`,
    );
    ada = await enrolAda(database);
  });

  it('finds every face of every sample photo', async () => {
    const ids = [];
    for (const number of [1, 2, 3, 4, 5, 6] as const) ids.push(await submit(database, sample(number)));
    const ended = [];
    for (const id of ids) ended.push(await untilFinal(database, id));
    expect(ended.map((image) => image.state)).toEqual(['done', 'done', 'done', 'done', 'done', 'done']);
    expect(ended.map((image) => image.faces)).toEqual([3, 3, 3, 4, 5, 4]);
  });

  it('finds Ada above 0.65 and nobody else above 0.5', async () => {
    const id = await submit(database, sample(1), 'gate');
    await untilFinal(database, id);
    const searches = await database.rows(
      `select f.ordinal, s.outcome, s.similarity, s.person_id
       from watchpost.search s join watchpost.face f on f.id = s.face_id
       where f.image_id = $1 order by f.ordinal`,
      [id],
    );
    expect(searches.map((search) => search.outcome)).toEqual(['below_threshold', 'below_threshold', 'match']);
    expect(searches[2].person_id).toBe(ada.personId);
    expect(searches[2].similarity).toBeGreaterThan(0.65);

    const others = await database.rows(
      `select max(s.similarity) as most from watchpost.search s
       join watchpost.face f on f.id = s.face_id
       where s.outcome <> 'match'`,
    );
    expect(others[0].most).toBeLessThan(0.5);
  });

  it('raises one alert, with person, similarity, camera and location, and extends it', async () => {
    const first = await submit(database, sample(1), 'lobby');
    await untilFinal(database, first);
    const second = await submit(database, sample(1), 'lobby');
    await untilFinal(database, second);
    const alerts = await database.rows(
      `select p.name, a.similarity, k.name as camera, k.location, a.sightings, a.state
       from watchpost.alert a
       join watchpost.person p on p.id = a.person_id
       join watchpost.camera k on k.id = a.camera_id
       where a.place = 'zone:inside'`,
    );
    expect(alerts).toEqual([
      {
        name: 'Ada',
        similarity: expect.closeTo(0.71, 1),
        camera: 'lobby',
        location: 'Lobby',
        sightings: 2,
        state: 'open',
      },
    ]);
    const [seen] = await database.rows('select person, location, image_id from watchpost.last_seen');
    expect(seen).toEqual({ person: 'Ada', location: 'Lobby', image_id: second });
  });

  it('does not alert on a face in profile, however low the threshold', async () => {
    const list = await database.rows(
      `update watchpost.watchlist set threshold = 0.1 where id = $1 returning threshold`,
      [ada.watchlistId],
    );
    expect(list).toEqual([{ threshold: 0.1 }]);
    const id = await submit(database, sample(2), 'gate');
    const ended = await untilFinal(database, id);
    const [nearest] = await database.rows(
      `select s.outcome, s.similarity, s.gate, f.gate as face_gate from watchpost.search s
       join watchpost.face f on f.id = s.face_id
       where f.image_id = $1 order by s.similarity desc limit 1`,
      [id],
    );
    await database.rows('update watchpost.watchlist set threshold = 0.5 where id = $1', [ada.watchlistId]);
    expect(nearest.similarity).toBeGreaterThan(0.1);
    expect(nearest.outcome).toBe('gated');
    expect(nearest.face_gate).toContain('profile');
    expect(ended).toMatchObject({ state: 'done', matches: 0, alerts: 0 });
  });

  it('gives equal rows for a POST and an INSERT', async () => {
    const form = new FormData();
    form.append('image', new Blob([sample(4)]), 'sample4.jpg');
    form.append('camera', 'gate');
    const response = await api('/v1/images', { method: 'POST', body: form });
    expect(response.status).toBe(202);
    const { id: posted } = (await response.json()) as { id: string };
    const [{ id: inserted }] = (await database.rows(
      `insert into watchpost.image (camera_id, bytes)
       values ((select id from watchpost.camera where name = 'gate'), $1) returning id`,
      [sample(4)],
    )) as [{ id: string }];
    await untilFinal(database, posted);
    await untilFinal(database, inserted);
    expect(await factsOf(database, posted)).toEqual(await factsOf(database, inserted));
  });

  it('leaves one done handling for each event and task, and nothing pending', async () => {
    const open = await database.rows(
      `select topic, task from watchpost.event_task where outcome is distinct from 'done'`,
    );
    expect(open).toEqual([]);
    await untilIdle(database);
  });
});
