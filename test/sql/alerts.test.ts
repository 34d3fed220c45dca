import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addKnownPerson, addMatch, addModel } from '../support/fabricate.ts';

describe('watchpost.raise_alert()', () => {
  let database: TestDatabase;
  let model: string;
  let personId: string;
  let watchlistId: string;

  beforeAll(async () => {
    database = await freshDatabase();
    model = await addModel(database, 'four-numbers', 4);
    await database.rows(
      `insert into watchpost.camera (name, location, zone) values
         ('north', 'North gate', 'gates'), ('south', 'South gate', 'gates'), ('yard', 'Yard', null)`,
    );
  });

  // Each test has a person and a list of its own.
  beforeEach(async () => {
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name, severity, cooldown)
       values (watchpost.uuidv7()::text, 'critical', '5 minutes') returning id`,
    );
    watchlistId = list.id;
    const person = await addKnownPerson(database, {
      name: 'Ada',
      model,
      vector: [1, 0, 0, 0],
      watchlists: [watchlistId],
    });
    personId = person.personId;
  });

  const at = (time: string) => `2026-03-01T${time}Z`;
  const seen = (time: string, camera: string | null = 'north', similarity = 0.5): Promise<string> =>
    addMatch(database, { model, personId, watchlistId, camera, similarity, capturedAt: at(time) });
  const raise = async (match: string): Promise<string> =>
    (await database.rows('select watchpost.raise_alert($1) as id', [match]))[0].id;
  const alertsOf = () =>
    database.rows(
      `select a.id, a.place, k.name as camera, a.severity, a.sightings, a.best_match_id,
              round(a.similarity::numeric, 2)::float8 as similarity,
              to_char(a.first_seen at time zone 'UTC', 'HH24:MI:SS') as first_seen,
              to_char(a.last_seen at time zone 'UTC', 'HH24:MI:SS') as last_seen
       from watchpost.alert as a left join watchpost.camera as k on k.id = a.camera_id
       where a.person_id = $1 order by a.id`,
      [personId],
    );

  it('opens an alert for the first sighting, with the severity of the list, and emits one event', async () => {
    const match = await seen('12:00:00');
    const id = await raise(match);
    expect(await alertsOf()).toEqual([
      {
        id,
        place: 'zone:gates',
        camera: 'north',
        severity: 'critical',
        sightings: 1,
        best_match_id: match,
        similarity: 0.5,
        first_seen: '12:00:00',
        last_seen: '12:00:00',
      },
    ]);
    await raise(await seen('12:01:00'));
    expect(
      await database.rows(
        `select payload from watchpost.event where topic = 'alert.raised' and subject_id = $1`,
        [id],
      ),
    ).toMatchObject([{ payload: { alert_id: id, person_id: personId } }]);
  });

  it('extends the alert within the cool-down of the latest sighting, and opens another beyond it', async () => {
    const first = await raise(await seen('12:00:00'));
    expect(await raise(await seen('12:05:00')), '5 minutes later').toBe(first);
    expect(await raise(await seen('12:09:59')), 'counted from the latest').toBe(first);
    const second = await raise(await seen('12:15:00'));
    expect(second).not.toBe(first);
    expect(await alertsOf()).toMatchObject([
      { id: first, sightings: 3, first_seen: '12:00:00', last_seen: '12:09:59' },
      { id: second, sightings: 1, first_seen: '12:15:00', last_seen: '12:15:00' },
    ]);
  });

  it('joins the cameras of a zone and names the latest; a camera without one is a place of its own', async () => {
    const gates = await raise(await seen('12:00:00', 'north'));
    expect(await raise(await seen('12:01:00', 'south'))).toBe(gates);
    const yard = await raise(await seen('12:02:00', 'yard'));
    const nowhere = await raise(await seen('12:02:00', null));
    expect(await alertsOf()).toMatchObject([
      { id: gates, place: 'zone:gates', camera: 'south', sightings: 2 },
      { id: yard, place: 'camera:yard', camera: 'yard', sightings: 1 },
      { id: nowhere, place: 'nowhere', camera: null, sightings: 1 },
    ]);
  });

  it('accepts photos out of order: an earlier one extends the alert backwards', async () => {
    const id = await raise(await seen('12:10:00', 'south'));
    expect(await raise(await seen('12:06:00', 'north'))).toBe(id);
    expect(await raise(await seen('12:02:00', 'north'))).toBe(id);
    expect(await alertsOf()).toMatchObject([
      { id, sightings: 3, first_seen: '12:02:00', last_seen: '12:10:00', camera: 'south' },
    ]);
    expect(await raise(await seen('11:50:00')), 'too early for it').not.toBe(id);
  });

  it('keeps the best match and its similarity', async () => {
    await raise(await seen('12:00:00', 'north', 0.6));
    const best = await seen('12:01:00', 'north', 0.8);
    await raise(best);
    await raise(await seen('12:02:00', 'north', 0.7));
    expect(await alertsOf()).toMatchObject([{ best_match_id: best, similarity: 0.8, sightings: 3 }]);
  });

  it('puts a match into one alert, once', async () => {
    const match = await seen('12:00:00');
    const id = await raise(match);
    await expect(raise(match)).rejects.toMatchObject({ code: '23505', constraint: 'alert_match_pkey' });
    expect(await alertsOf()).toMatchObject([{ id, sightings: 1 }]);
    expect(
      await database.rows('select alert_id from watchpost.alert_match where match_id = $1', [match]),
    ).toEqual([{ alert_id: id }]);
  });

  it('keeps the alerts of different lists and of different people apart', async () => {
    const first = await raise(await seen('12:00:00'));
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name) values (watchpost.uuidv7()::text) returning id`,
    );
    const onOther = await addMatch(database, {
      ...{ model, personId, camera: 'north', similarity: 0.5 },
      watchlistId: list.id,
      capturedAt: at('12:00:00'),
    });
    expect(await raise(onOther)).not.toBe(first);
    const bea = await addKnownPerson(database, {
      name: 'Bea',
      model,
      vector: [0, 1, 0, 0],
      watchlists: [watchlistId],
    });
    const ofBea = await addMatch(database, {
      ...{ model, watchlistId, camera: 'north', similarity: 0.5 },
      personId: bea.personId,
      capturedAt: at('12:00:00'),
    });
    await raise(ofBea);
    expect(await alertsOf()).toHaveLength(2);
  });

  it.skipIf(!onServer)(`gives two sightings at the same moment one alert ${needsServer}`, async () => {
    const matches = [await seen('12:00:00', 'north', 0.5), await seen('12:00:01', 'south', 0.6)];
    const [one, other] = [await connectClient(database), await connectClient(database)];
    await one.query('begin');
    const first = await one.query('select watchpost.raise_alert($1) as id', [matches[0]]);
    const second = other.query('select watchpost.raise_alert($1) as id', [matches[1]]);
    await untilBlocked(database);
    await one.query('commit');
    expect((await second).rows).toEqual(first.rows);
    expect(await alertsOf()).toMatchObject([
      { id: first.rows[0].id, sightings: 2, similarity: 0.6, best_match_id: matches[1], camera: 'south' },
    ]);
  });
});
