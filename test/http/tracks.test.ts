import { beforeAll, describe, expect, it } from 'vitest';
import { alert } from '../../src/stages/alert.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { track } from '../../src/stages/track.ts';
import { addWatchlist } from '../../src/watchlist/registry.ts';
import { watchpost } from '../commands/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { drainAll } from '../support/drain.ts';
import { addKnownPerson } from '../support/fabricate.ts';
import { filming } from '../support/frames.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from './support.ts';

let database: TestDatabase;
let tools: Tools & { database: TestDatabase };
let api: Api;
let film: Awaited<ReturnType<typeof filming>>;
let ada: string;
/** Of Ada and of a stranger. */
let tracks: { id: string; face_id: string; alert_id: string }[];

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  tools = { database, vision };
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
  film = await filming(database, { name: 'door' });
  const vector = film.vectors.any();
  const list = await addWatchlist(database.db, { name: 'wanted' });
  ada = (await addKnownPerson(database, { name: 'Ada', model: film.model, vector, watchlists: [list.id] }))
    .personId;
  for (let n = 0; n < 12; n++)
    await film.frame(
      n / 10,
      { vector, ...(n > 8 && { gate: ['profile'] }) },
      { vector: [...vector].reverse(), x: 900 },
    );
  await drainAll([track, match, alert], tools);
  tracks = (await get('/v1/tracks')).tracks.toSorted((one: { person: string }) => (one.person ? -1 : 1));
});

const get = async (path: string) => {
  const { status, body } = await api.call('GET', path);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
};
const idsOf = (body: { tracks: { id: string }[] }) => body.tracks.map(({ id }) => id);

describe('GET /v1/tracks', () => {
  it('has who was there from when to when, and whom they were taken for', () => {
    expect(tracks).toMatchObject([
      {
        ...{ camera: 'door', location: 'Door', faces: 12, looks: 9, decision: 'match', person: 'Ada' },
        ...{
          watchlist: 'wanted',
          began_at: film.time(0).toISOString(),
          ended_at: film.time(1.1).toISOString(),
        },
      },
      { faces: 12, looks: 12, decision: 'below_threshold', person: null, alert_id: null },
    ]);
  });

  it('takes a camera, a person, a decision and a time, and comes in pages', async () => {
    const [hers, other] = tracks.map(({ id }) => id);
    expect(idsOf(await get(`/v1/tracks?person=${ada}`))).toEqual([hers]);
    expect(idsOf(await get('/v1/tracks?decision=below_threshold'))).toEqual([other]);
    expect(idsOf(await get(`/v1/tracks?camera=door&since=${film.time(1).toISOString()}`))).toHaveLength(2);
    expect(idsOf(await get(`/v1/tracks?since=${film.time(2).toISOString()}`))).toEqual([]);
    expect(idsOf(await get(`/v1/tracks?until=${film.time(0).toISOString()}`))).toEqual([]);
    const first = await get('/v1/tracks?limit=1');
    const second = await get(`/v1/tracks?limit=1&after=${first.next}`);
    expect([...idsOf(first), ...idsOf(second)].toSorted()).toEqual([hers, other].toSorted());
    expectProblem(await api.call('GET', `/v1/tracks?after=${ada}`), 'track_unknown');
  });
});

describe('GET /v1/tracks/{id}', () => {
  it('has its faces, the first one first', async () => {
    const { views, ...found } = await get(`/v1/tracks/${tracks[0]?.id}`);
    expect(found).toEqual(tracks[0]);
    expect(views).toHaveLength(12);
    expect(views[0].captured_at).toBe(film.time(0).toISOString());
    expect(views.filter((view: { fused: boolean }) => view.fused)).toHaveLength(8);
    expect(views.slice(9).map((view: { quality: number }) => view.quality)).toEqual([0, 0, 0]);
    expectProblem(await api.call('GET', `/v1/tracks/${ada}`), 'track_unknown');
  });
});

describe('a track is named', () => {
  it('by each of its faces, which have its search', async () => {
    const { faces } = await get(`/v1/faces?track=${tracks[0]?.id}`);
    expect(faces).toHaveLength(12);
    for (const face of faces) {
      expect(face).toMatchObject({
        track_id: tracks[0]?.id,
        search: { outcome: 'match', nearest: { person: 'Ada' } },
      });
    }
    const image = await get(`/v1/images/${faces[0].image_id}`);
    expect(image.matches, 'also in a frame in which she turns away').toMatchObject([
      { face_id: faces[0].id, person: 'Ada' },
    ]);
  });

  it('by the sighting, of the list and of the person, and by the alert', async () => {
    const named = {
      ...{ track_id: tracks[0]?.id, faces: 12 },
      ...{ seen_at: film.time(0).toISOString(), seen_until: film.time(1.1).toISOString() },
    };
    expect((await get(`/v1/sightings?person=${ada}`)).sightings).toMatchObject([named]);
    expect((await get(`/v1/persons/${ada}/sightings`)).sightings).toMatchObject([named]);
    const report = await get(`/v1/alerts/${tracks[0]?.alert_id}`);
    expect(report).toMatchObject({ sightings: 1, first_seen: named.seen_at, last_seen: named.seen_until });
    expect(report.matches).toMatchObject([named]);
    expect(report.lineage).toMatchObject([named]);
    expect((await get(`/v1/persons/${ada}/path`)).stays).toMatchObject([
      { from: named.seen_at, to: named.seen_until, sightings: 1 },
    ]);
  });
});

describe('watchpost track', () => {
  const run = (...args: string[]) => watchpost(['track', ...args], { DATABASE_URL: database.url });

  it('lists those that meet its conditions', async () => {
    expect((await run('list', '--person', 'Ada', '--decision', 'match')).stdout).toMatch(
      /door +12 +9 +match +Ada .*\n$/,
    );
    const all = JSON.parse((await run('list', '--camera', 'door', '--json')).stdout);
    expect(all.map(({ id }: { id: string }) => id)).toEqual(idsOf(await get('/v1/tracks')));
    const later = film.time(3600).toISOString();
    expect((await run('list', '--since', later)).stdout).toBe('no tracks\n');
    expect(await run('list', '--person', 'Eve')).toMatchObject({ code: 1 });
  });

  it('shows one with its alert, its searches and its faces', async () => {
    const { id, alert_id } = tracks[0]!;
    const { views, ...report } = await get(`/v1/tracks/${id}`);
    const { searches, views: shown, ...found } = JSON.parse((await run('show', id, '--json')).stdout);
    expect(found).toEqual(report);
    expect(shown).toHaveLength(views.length);
    expect(searches).toContainEqual(expect.objectContaining({ outcome: 'match', person: 'Ada' }));
    const { stdout } = await run('show', id);
    expect(stdout).toMatch(new RegExp(`^alert_id +${alert_id}$`, 'm'));
    expect(stdout).toMatch(/^searched_at +outcome/m);
    expect(stdout).toMatch(/^face_id +image_id/m);
    expect(await run('show', ada)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no track'),
    });
  });
});
