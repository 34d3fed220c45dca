import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectClient } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { addFace, addKnownPerson, addMatch, addModel } from '../support/fabricate.ts';
import { startWorkerProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';
import { Vectors } from '../support/vectors.ts';

const random = new Vectors(4, 5);

/** When fifty frames were taken, ten seconds apart, in no order. */
const shuffledFrames = (): string[] => {
  const times = Array.from({ length: 50 }, (_, n) => Date.parse('2026-03-01T12:00:00Z') + n * 10_000);
  for (let i = times.length - 1; i > 0; i--) {
    const j = Math.floor(random.random() * (i + 1));
    [times[i], times[j]] = [times[j] as number, times[i] as number];
  }
  return times.map((time) => new Date(time).toISOString());
};

describe('an episode', () => {
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
      `insert into watchpost.watchlist (name, cooldown) values (watchpost.uuidv7()::text, '5 minutes') returning id`,
    );
    watchlistId = list.id;
    const spec = { name: 'Ada', model, vector: random.any(), watchlists: [watchlistId] };
    personId = (await addKnownPerson(database, spec)).personId;
  });

  const at = (time: string) => `2026-03-01T${time}Z`;
  const seen = (
    time: string,
    changes: { camera?: string; retroactive?: boolean; similarity?: number } = {},
  ) =>
    addMatch(database, {
      model,
      personId,
      watchlistId,
      camera: 'north',
      similarity: 0.5,
      capturedAt: at(time),
      ...changes,
    });
  const raise = async (match: string): Promise<string> =>
    (await database.rows('select watchpost.raise_alert($1) as id', [match]))[0].id;
  const supersede = (...matches: string[]) =>
    database.rows(`select watchpost.supersede_matches($1::uuid[], 'replay')`, [matches]);
  const alerts = () =>
    database.rows(
      `select id, sightings, retroactive, merged_into, best_match_id,
              round(similarity::numeric, 2)::float8 as similarity,
              to_char(first_seen at time zone 'UTC', 'HH24:MI:SS') as first,
              to_char(last_seen at time zone 'UTC', 'HH24:MI:SS') as last,
              to_char(upper(episode) at time zone 'UTC', 'HH24:MI:SS') as until,
              withdrawn_at is not null as withdrawn
       from watchpost.alert where person_id = $1 order by first_seen, id`,
      [personId],
    );
  const withdrawn = (topic: string) =>
    database.rows(
      `select subject_id, payload->>'because' as because from watchpost.event
       where topic = $1 and payload->>'person_id' = $2 order by id`,
      [topic, personId],
    );

  it('lasts from the first sighting to the cool-down after the last', async () => {
    await raise(await seen('12:00:00'));
    await raise(await seen('12:03:00'));
    expect(await alerts()).toMatchObject([{ first: '12:00:00', last: '12:03:00', until: '12:08:00' }]);
  });

  it('keeps the cool-down it began with when the list gets another one', async () => {
    const id = await raise(await seen('12:00:00'));
    await database.rows(`update watchpost.watchlist set cooldown = '1 minute' where id = $1`, [watchlistId]);
    expect(await raise(await seen('12:04:00'))).toBe(id);
    expect(await alerts()).toMatchObject([{ until: '12:09:00' }]);
  });

  it('absorbs the next one when a sighting lies between them', async () => {
    const earlier = await raise(await seen('12:00:00', { similarity: 0.5 }));
    const best = await seen('12:08:00', { similarity: 0.7 });
    const later = await raise(best);
    expect(later).not.toBe(earlier);
    expect(await raise(await seen('12:04:00'))).toBe(earlier);
    expect(await alerts()).toMatchObject([
      {
        id: earlier,
        sightings: 3,
        first: '12:00:00',
        last: '12:08:00',
        similarity: 0.7,
        best_match_id: best,
      },
      { id: later, withdrawn: true, merged_into: earlier },
    ]);
    expect(await withdrawn('alert.withdrawn')).toEqual([{ subject_id: later, because: 'merged' }]);
  });

  it('cannot overlap another one, even by direct writes', async () => {
    const id = await raise(await seen('12:00:00'));
    await expect(
      database.rows(
        `insert into watchpost.alert (person_id, watchlist_id, place, severity, best_match_id, similarity, first_seen, last_seen)
         select person_id, watchlist_id, place, severity, best_match_id, similarity, $2, $2
         from watchpost.alert where id = $1`,
        [id, at('12:04:00')],
      ),
    ).rejects.toMatchObject({ constraint: 'alert_one_an_episode' });
  });

  it('shrinks to what is left when matches are withdrawn, and is withdrawn with the last', async () => {
    const [first, second] = [await seen('12:00:00', { similarity: 0.9 }), await seen('12:03:00')];
    const id = await raise(first);
    await raise(second);
    await supersede(first);
    expect(await alerts()).toMatchObject([
      { id, sightings: 1, first: '12:03:00', similarity: 0.5, best_match_id: second, withdrawn: false },
    ]);
    await supersede(first, second);
    expect(await alerts()).toMatchObject([{ id, withdrawn: true, best_match_id: second }]);
    expect(await withdrawn('match.withdrawn')).toEqual([
      { subject_id: first, because: 'replay' },
      { subject_id: second, because: 'replay' },
    ]);
    expect(await withdrawn('alert.withdrawn')).toEqual([{ subject_id: id, because: 'no_match_left' }]);
    expect(await raise(await seen('12:04:00')), 'what is withdrawn is not extended').not.toBe(id);
  });

  it('does not count a match that was withdrawn before its alert was raised', async () => {
    const match = await seen('12:00:00');
    await supersede(match);
    expect(await raise(match)).toBeNull();
    expect(await alerts()).toEqual([]);
  });

  it('is retroactive for what was found after the fact, and never hides a live sighting', async () => {
    const past = await raise(await seen('12:00:00', { retroactive: true }));
    const live = await raise(await seen('12:01:00'));
    expect(live).not.toBe(past);
    expect(await raise(await seen('12:02:00', { retroactive: true })), 'falls into the live one').toBe(live);
    expect(await alerts()).toMatchObject([
      { id: past, retroactive: true, sightings: 1 },
      { id: live, retroactive: false, sightings: 2 },
    ]);
  });

  it('gives the path of a person, stay by stay, and each face once', async () => {
    const [other] = await database.rows(
      `insert into watchpost.watchlist (name) values (watchpost.uuidv7()::text) returning id`,
    );
    const twice = await seen('12:00:00', { similarity: 0.6 });
    await database.rows(
      `insert into watchpost.match (search_id, image_id, face_id, person_id, watchlist_id, similarity, threshold)
       select search_id, image_id, face_id, person_id, $2, similarity, threshold from watchpost.match where id = $1`,
      [twice, other.id],
    );
    await seen('12:10:00', { similarity: 0.7 });
    await seen('12:12:00', { camera: 'yard' });
    await seen('12:14:00');
    await seen('13:00:00');
    await supersede(await seen('13:10:00', { camera: 'yard' }));
    const stay = (camera: string, from: string, to: string, sightings: string, similarity = 0.5) => ({
      ...{ camera, sightings, similarity: expect.closeTo(similarity) },
      ...{ arrived_at: new Date(at(from)), left_at: new Date(at(to)) },
    });
    expect(await database.rows('select * from watchpost.path($1)', [personId])).toMatchObject([
      { ...stay('north', '12:00:00', '12:10:00', '2', 0.7), location: 'North gate', zone: 'gates' },
      { ...stay('yard', '12:12:00', '12:12:00', '1'), zone: null },
      stay('north', '12:14:00', '12:14:00', '1'),
      stay('north', '13:00:00', '13:00:00', '1'),
    ]);
    expect(
      await database.rows('select * from watchpost.path($1, $2, $3, $4)', [
        ...[personId, at('12:12:00'), at('13:00:01'), '1 hour'],
      ]),
    ).toMatchObject([stay('yard', '12:12:00', '12:12:00', '1'), stay('north', '12:14:00', '13:00:00', '2')]);
    const [last] = await database.rows(
      'select seen_at, camera from watchpost.last_seen where person_id = $1',
      [personId],
    );
    expect(last, 'not what was withdrawn').toEqual({ seen_at: new Date(at('13:00:00')), camera: 'north' });
  });

  it.skipIf(!onServer)(`is one alert of fifty frames for four clients at once ${needsServer}`, async () => {
    // Far apart against the cool-down, so that episodes open everywhere and have to be joined.
    await database.rows(`update watchpost.watchlist set cooldown = '11 seconds' where id = $1`, [
      watchlistId,
    ]);
    const matches: string[] = [];
    for (const capturedAt of shuffledFrames())
      matches.push(
        await addMatch(database, {
          model,
          personId,
          watchlistId,
          camera: 'north',
          similarity: 0.5,
          capturedAt,
        }),
      );
    const clients = await Promise.all([1, 2, 3, 4].map(() => connectClient(database)));
    await Promise.all(
      clients.map(async (client, mine) => {
        for (const [n, match] of matches.entries())
          if (n % 4 === mine) await client.query('select watchpost.raise_alert($1)', [match]);
      }),
    );
    const standing = (await alerts()).filter((alert) => !alert.withdrawn);
    expect(standing).toMatchObject([{ sightings: 50, first: '12:00:00', last: '12:08:10' }]);
    expect((await alerts()).length, 'some were joined').toBeGreaterThan(1);
  });
});

describe.skipIf(!onServer)(`fifty frames and four worker processes ${needsServer}`, () => {
  it('are one alert of fifty sightings', { timeout: 120_000 }, async () => {
    const database = await freshDatabase();
    const model = await addModel(database, 'four-numbers', 4);
    await database.rows(`insert into watchpost.camera (name, location) values ('north', 'North gate')`);
    const [list] = await database.rows(
      `insert into watchpost.watchlist (name, cooldown) values ('wanted', '11 seconds') returning id`,
    );
    const vector = random.any();
    await addKnownPerson(database, { name: 'Ada', model, vector, watchlists: [list.id] });
    for (const capturedAt of shuffledFrames())
      await addFace(database, { model, vector, camera: 'north', capturedAt });
    // One event a job, so that they race.
    await database.rows('update watchpost.subscription set batch_size = 1');
    await Promise.all([1, 2, 3, 4].map(() => startWorkerProcess(database.url)));
    const alerts = () =>
      database.rows('select sightings, retroactive from watchpost.alert where withdrawn_at is null');
    await until(async () => (await alerts()).some((alert) => alert.sightings === 50));
    expect(await alerts()).toEqual([{ sightings: 50, retroactive: false }]);
    const workers = await database.rows(
      `select distinct worker_id from watchpost.handling where task = 'alert' and outcome = 'done'`,
    );
    expect(workers.length, 'more than one has done it').toBeGreaterThan(1);
    expect(await database.rows('select * from watchpost.invariant')).toEqual([]);
  });
});
