import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from './support.ts';

const unknownId = '01890000-0000-7000-8000-000000000000';

describe('lists come in pages', () => {
  let database: TestDatabase;
  let api: Api;

  /** Three of everything; two of the alerts were seen at the same moment. */
  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
    await admit(database, api);
    for (const seen of ['2026-05-01T08:00:00Z', '2026-05-01T08:00:00Z', '2026-05-01T09:00:00Z'])
      await raiseAlert(database, { seen: [seen] });
    const [{ model }] = await database.rows('select id as model from watchpost.model where role = $1', [
      'embedder',
    ]);
    for (const name of ['control room', 'guards', 'mobile']) {
      const endpoint = await api.call('POST', '/v1/endpoints', { name, url: 'https://guards.example/' });
      expect(endpoint.status).toBe(201);
      await database.rows(
        `select watchpost.add_bridge($1, 'nats', 'out', 'nats://broker.example', 'alerts')`,
        [name],
      );
      await database.rows(
        `insert into watchpost.calibration (model_id, source, people, photos, probes, strangers, command, created_by)
         values ($1, 'a test', 1, 1, 0, 1, 'none', 'a test')`,
        [model],
      );
    }
    await database.rows(
      `insert into watchpost.delivery (endpoint_id, attempt)
       select e.id, n from watchpost.endpoint as e cross join generate_series(1, 3) as n where e.name = 'guards'`,
    );
    await database.rows(
      `insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
       select e.id, 'match', 'failed', 1, now(), 1, 'internal', 'It was a test.'
       from watchpost.event as e where e.topic = 'face.embedded' limit 3`,
    );
    await addStrangers(database, model);
  });

  it.each([
    ['persons', '/v1/persons'],
    ['watchlists', '/v1/watchlists'],
    ['cameras', '/v1/cameras'],
    ['alerts', '/v1/alerts'],
    ['alerts', '/v1/alerts?state=open'],
    ['endpoints', '/v1/endpoints'],
    ['bridges', '/v1/bridges'],
    ['deliveries', '/v1/endpoints/GUARDS/deliveries'],
    ['calibrations', '/v1/calibrations'],
    ['strangers', '/v1/strangers?visits=1'],
    ['dead_letters', '/v1/dead-letters'],
  ])('%s of %s: all of it, once, in one order', async (name, address) => {
    const [{ id }] = await database.rows(`select id from watchpost.endpoint where name = 'guards'`);
    const path = address.replace('GUARDS', id);
    const ask = async (query: string) => {
      const { status, body } = await api.call('GET', `${path}${path.includes('?') ? '&' : '?'}${query}`);
      expect(status, JSON.stringify(body)).toBe(200);
      return body;
    };
    const whole = await ask('limit=1000');
    expect(whole[name]).toHaveLength(3);
    expect(whole.next).toBeNull();
    const paged: unknown[] = [];
    let after = '';
    do {
      const page = await ask(`limit=1${after}`);
      paged.push(...page[name]);
      after = `&after=${encodeURIComponent(page.next)}`;
      if (page.next === null) break;
      expect(page[name]).toHaveLength(1);
    } while (paged.length < 10);
    expect(paged).toEqual(whole[name]);
  });

  it('and say so if the alert that a page begins after is gone', async () => {
    expectProblem(await api.call('GET', `/v1/alerts?after=${unknownId}`), 'alert_unknown');
  });
});

/** One face each, seen on different days. */
const addStrangers = async (database: TestDatabase, model: string): Promise<void> => {
  await database.rows(
    `with face as (
       select f.id as face_id, e.id as embedding_id, row_number() over (order by f.id) as n, watchpost.uuidv7() as stranger_id
       from watchpost.face as f join watchpost.embedding as e on e.face_id = f.id
       limit 3
     ),
     stranger as (insert into watchpost.stranger (id, model_id) select f.stranger_id, $1 from face as f)
     insert into watchpost.stranger_face
       (face_id, embedding_id, search_id, model_id, vector, norm, seen_at, neighbours, core, stranger_id)
     select f.face_id, f.embedding_id, gen_random_uuid(), $1, '[1,0]', 10, now() - f.n * interval '1 day', 3, true, f.stranger_id
     from face as f`,
    [model],
  );
};
