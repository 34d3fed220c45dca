import { beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, untilFinal } from '../support/pipeline.ts';
import { type Api, expectProblem, formOf, serve } from './support.ts';

describe('GET /v1/alerts', () => {
  let database: TestDatabase;
  let api: Api;
  let ada: Awaited<ReturnType<typeof enrolAda>>;
  const images: Record<string, string> = {};

  /** Ada at the gate in the morning, twice, and in the lobby at noon. */
  beforeAll(async () => {
    ({ database, api } = await serve());
    await database.rows(
      `insert into watchpost.camera (name, location, zone) values ('gate', 'North gate', 'outside'), ('lobby', 'Lobby', null)`,
    );
    ada = await enrolAda(database);
    for (const [camera, time] of [
      ['gate', '08:00'],
      ['gate', '08:01'],
      ['lobby', '12:00'],
    ] as const) {
      const photo = formOf(sample(1), { camera, captured_at: `2026-05-01T${time}:00Z` });
      const { body } = await api.call('POST', '/v1/images', photo);
      expect(await untilFinal(database, body.id)).toMatchObject({ state: 'done', alerts: 1 });
      images[camera] ??= body.id;
    }
  });

  const ask = async (query = '') => {
    const { status, body } = await api.call('GET', `/v1/alerts${query}`);
    expect(status).toBe(200);
    return body.alerts;
  };
  const camerasOf = async (query: string) =>
    (await ask(query)).map((alert: { camera: string }) => alert.camera);

  it('lists who was seen where, with which similarity, the latest first', async () => {
    const [{ name: watchlist }] = (await database.rows('select name from watchpost.watchlist')) as [
      { name: string },
    ];
    const known = {
      id: expect.any(String),
      person_id: ada.personId,
      person: 'Ada',
      watchlist,
      severity: 'warning',
      state: 'open',
      similarity: expect.closeTo(0.71, 1),
      threshold: expect.closeTo(0.5),
      face_id: expect.any(String),
      awaiting: null,
      retroactive: false,
      withdrawn_at: null,
      created_at: expect.any(String),
      watchlist_id: expect.any(String),
      camera_id: expect.any(String),
      color: null,
      sound: 'none',
      must_acknowledge: false,
    };
    expect(await ask()).toEqual([
      {
        ...known,
        camera: 'lobby',
        location: 'Lobby',
        zone: null,
        first_seen: '2026-05-01T12:00:00.000Z',
        last_seen: '2026-05-01T12:00:00.000Z',
        sightings: 1,
        image_id: images.lobby,
      },
      {
        ...known,
        camera: 'gate',
        location: 'North gate',
        zone: 'outside',
        first_seen: '2026-05-01T08:00:00.000Z',
        last_seen: '2026-05-01T08:01:00.000Z',
        sightings: 2,
        image_id: images.gate,
      },
    ]);
  });

  it('filters by person, list, state and time, and limits the number', async () => {
    const [{ name }] = (await database.rows('select name from watchpost.watchlist')) as [{ name: string }];
    const other = '01890000-0000-7000-8000-000000000000';
    expect(await camerasOf(`?person_id=${ada.personId}`)).toEqual(['lobby', 'gate']);
    expect(await camerasOf(`?person_id=${other}`)).toEqual([]);
    expect(await camerasOf(`?watchlist=${encodeURIComponent(name)}`)).toEqual(['lobby', 'gate']);
    expect(await camerasOf('?watchlist=other')).toEqual([]);
    expect(await camerasOf('?since=2026-05-01T08:01:00Z')).toEqual(['lobby', 'gate']);
    expect(await camerasOf('?since=2026-05-01T10:01:01%2B02:00')).toEqual(['lobby']);
    expect(await camerasOf('?limit=1')).toEqual(['lobby']);
    expect(await camerasOf('?min_severity=warning')).toEqual(['lobby', 'gate']);
    expect(await camerasOf('?min_severity=critical')).toEqual([]);
    await database.rows(
      `select watchpost.dismiss(id, 'resolved') from watchpost.alert where place = 'zone:outside'`,
    );
    expect(await camerasOf('?state=open')).toEqual(['lobby']);
    expect(await camerasOf('?state=dismissed&limit=5')).toEqual(['gate']);
  });

  it.each([
    ['state=closed', /^state: /],
    ['person_id=ada', /^person_id: /],
    ['since=today', /^since: .*2026-11-23T15:04:05Z/],
    ['min_severity=loud', /^min_severity: /],
    ['limit=0', /^limit: /],
    ['limit=1001', /^limit: /],
    ['persn=x', /persn/],
  ])('refuses ?%s by its name', async (query, words) => {
    const answer = await api.call('GET', `/v1/alerts?${query}`);
    expect(expectProblem(answer, 'query_invalid').detail).toMatch(words);
  });
});
