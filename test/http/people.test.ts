import { beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { submit, untilFinal } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { type Api, expectNothingLeft, expectProblem, formOf, serve } from './support.ts';

const unknownId = '01890000-0000-7000-8000-000000000000';

let database: TestDatabase;
let api: Api;

beforeAll(async () => {
  ({ database, api } = await serve());
});

const make = async (path: string, body: object) => (await api.call('POST', path, body)).body;
const eventsOf = (subject: string) =>
  database.rows('select topic, payload from watchpost.event where subject_id = $1 order by id', [subject]);
const photosOf = async (person: string) => (await api.call('GET', `/v1/persons/${person}`)).body.photos;
const untilPhoto = (person: string, photo: string) =>
  until(async () => {
    const found = (await photosOf(person)).find(({ id }: { id: string }) => id === photo);
    return ['enrolled', 'refused'].includes(found.state) && found;
  });

describe('/v1/watchlists/{id}', () => {
  it('reads a list, changes the given fields, and records who did it', async () => {
    const list = await make('/v1/watchlists', {
      name: 'guests',
      valid_until: '2099-01-01T00:00:00Z',
      reviewers: 2,
    });
    expect(list).toMatchObject({ version: 1, reviewers: 2, in_force: true, page_retroactive: false });
    const answer = await api.call('PATCH', `/v1/watchlists/${list.id}`, {
      threshold: 0.6,
      cooldown_seconds: 60,
      valid_until: null,
      enabled: false,
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      name: 'guests',
      threshold: 0.6,
      cooldown_seconds: 60,
      valid_until: null,
      in_force: false,
      reviewers: 2,
      version: 2,
    });
    expect((await api.call('GET', `/v1/watchlists/${list.id}`)).body).toEqual(answer.body);
    const events = await eventsOf(list.id);
    const by = expect.stringMatching(/^api:/);
    expect(events).toMatchObject([
      { topic: 'watchlist.changed', payload: { change: 'created', by } },
      {
        topic: 'watchlist.changed',
        payload: { change: 'updated', by, new: { threshold: 0.6, enabled: false } },
      },
    ]);
  });

  it('refuses an invalid change with a code, and changes nothing', async () => {
    const list = await make('/v1/watchlists', { name: 'wrong' });
    const patch = (body: object) => api.call('PATCH', `/v1/watchlists/${list.id}`, body);
    expectProblem(await patch({ threshold: 1.1 }), 'body_invalid');
    expectProblem(await patch({ threshold: 0.5, target_fpir: 0.1 }), 'body_invalid');
    expectProblem(
      await patch({ valid_from: '2031-01-01T00:00:00Z', valid_until: '2030-01-01T00:00:00Z' }),
      'validity_invalid',
    );
    await make('/v1/watchlists', { name: 'right' });
    expectProblem(await patch({ name: 'right' }), 'name_taken');
    expectProblem(
      await api.call('POST', '/v1/watchlists', { name: 'over', valid_until: '2020-01-01T00:00:00Z' }),
      'watchlist_expired',
    );
    expect((await api.call('GET', `/v1/watchlists/${list.id}`)).body).toEqual(list);
  });

  it('that has ended accepts nobody', async () => {
    const list = await make('/v1/watchlists', { name: 'ended' });
    await api.call('PATCH', `/v1/watchlists/${list.id}`, { valid_until: '2020-01-01T00:00:00Z' });
    const person = await make('/v1/persons', { name: 'Late' });
    expectProblem(
      await api.call('PUT', `/v1/watchlists/${list.id}/persons/${person.id}`),
      'watchlist_expired',
    );
    expectProblem(
      await api.call('POST', '/v1/persons', { name: 'Later', watchlists: ['ended'] }),
      'watchlist_expired',
    );
    expect((await api.call('GET', '/v1/persons?name=later')).body.persons).toEqual([]);
  });

  it('can be deleted, once', async () => {
    const list = await make('/v1/watchlists', { name: 'short' });
    expect((await api.call('DELETE', `/v1/watchlists/${list.id}`)).status).toBe(204);
    for (const method of ['DELETE', 'GET'])
      expectProblem(await api.call(method, `/v1/watchlists/${list.id}`), 'watchlist_unknown');
    expectProblem(
      await api.call('PATCH', `/v1/watchlists/${unknownId}`, { enabled: true }),
      'watchlist_unknown',
    );
  });
});

describe('/v1/persons', () => {
  it('lists people by the beginning of their name, their reference or their list, page by page', async () => {
    const list = await make('/v1/watchlists', { name: 'staff' });
    const ids = [];
    for (const n of [1, 2, 3]) {
      const made = await make('/v1/persons', {
        name: `Paged ${n}`,
        external_ref: `p-${n}`,
        watchlists: ['staff'],
      });
      ids.push(made.id);
    }
    const idsOf = async (query: string) => {
      const { body } = await api.call('GET', `/v1/persons?${query}`);
      return { ids: body.persons.map(({ id }: { id: string }) => id), next: body.next };
    };
    expect(await idsOf('name=pAged')).toEqual({ ids, next: null });
    expect(await idsOf('external_ref=p-2')).toEqual({ ids: [ids[1]], next: null });
    expect(await idsOf('watchlist=staff&limit=2')).toEqual({ ids: ids.slice(0, 2), next: ids[1] });
    expect(await idsOf(`watchlist=staff&limit=2&after=${ids[1]}`)).toEqual({ ids: ids.slice(2), next: null });
    const { body } = await api.call('GET', '/v1/persons?external_ref=p-1');
    expect(body.persons).toMatchObject([
      { name: 'Paged 1', external_ref: 'p-1', watchlists: [{ id: list.id, name: 'staff' }], references: 0 },
    ]);
    expectProblem(await api.call('GET', '/v1/persons?watchlist=stuff'), 'watchlist_unknown');
    expectProblem(await api.call('GET', '/v1/persons?limit=0'), 'query_invalid');
  });

  it('changes the given fields, on record, and refuses a reference that another person has', async () => {
    const person = await make('/v1/persons', { name: 'Mary', external_ref: 'm-1' });
    const other = await make('/v1/persons', { name: 'Joan', external_ref: 'j-1' });
    const patch = (body: object) => api.call('PATCH', `/v1/persons/${person.id}`, body);
    expect((await patch({ name: 'Mary S.', metadata: { desk: 4 }, external_ref: null })).body).toMatchObject({
      name: 'Mary S.',
      metadata: { desk: 4 },
      external_ref: null,
    });
    expect(expectProblem(await patch({ external_ref: 'j-1' }), 'name_taken').detail).toContain(
      `Joan (${other.id}) has it`,
    );
    expect((await patch({ external_ref: 'm-1' })).status, 'their own again').toBe(200);
    expectProblem(await patch({ nmae: 'x' }), 'body_invalid');
    expectProblem(await api.call('PATCH', `/v1/persons/${unknownId}`, { name: 'x' }), 'person_unknown');
    const events = await eventsOf(person.id);
    expect(events.map(({ payload }) => payload.change)).toEqual(['created', 'updated', 'updated']);
    expect(events[1].payload.by).toMatch(/^api:/);
  });

  it('deletes a person, once', async () => {
    const person = await make('/v1/persons', { name: 'Forgotten' });
    expect((await api.call('DELETE', `/v1/persons/${person.id}`)).status).toBe(204);
    expectProblem(await api.call('DELETE', `/v1/persons/${person.id}`), 'person_unknown');
    expectProblem(await api.call('GET', `/v1/persons/${person.id}`), 'person_unknown');
  });
});

describe('photos of a person', () => {
  it('are made of a face of a probe, removed together with its matches, and listed with who did it', async () => {
    await make('/v1/watchlists', { name: 'seen' });
    const { id } = await make('/v1/persons', { name: 'Seen', watchlists: ['seen'] });
    const frame = await submit(database, sample(5));
    await untilFinal(database, frame);
    const face = (await api.call('GET', `/v1/images/${frame}`)).body.faces[0];
    const enrolled = await api.call('POST', `/v1/persons/${id}/faces`, { face_id: face.id });
    expect(enrolled.status).toBe(202);
    expect(await untilPhoto(id, enrolled.body.id)).toMatchObject({
      state: 'enrolled',
      best: true,
      face_id: face.id,
      image_id: frame,
      quality: { gate: [], norm: expect.any(Number) },
    });
    const again = await submit(database, sample(5));
    expect(await untilFinal(database, again)).toMatchObject({ matches: 1 });

    const path = `/v1/persons/${id}/photos/${enrolled.body.id}`;
    expect((await api.call('DELETE', `${path}?reason=not%20them`)).status).toBe(204);
    expect(await photosOf(id)).toMatchObject([
      { state: 'removed', message: 'not them', best: false, removed_by: expect.stringMatching(/^api:/) },
    ]);
    expect(await untilFinal(database, again)).toMatchObject({ matches: 0 });
    expect((await api.call('DELETE', path)).status, 'as often as it is asked').toBe(204);
  });

  it('are corrected to another face, and accepted despite the quality gate', async () => {
    const { id } = await make('/v1/persons', { name: 'Corrected' });
    const { body } = await api.call('POST', `/v1/persons/${id}/photos`, formOf(sample(2), { face: '1' }));
    expect(await untilPhoto(id, body.id)).toMatchObject({ state: 'refused', code: 'face_profile' });
    const path = (photo: string) => `/v1/persons/${id}/photos/${photo}`;
    const accepted = await api.call('PATCH', path(body.id), { accept: ['face_profile', 'face_low_norm'] });
    expect(accepted).toMatchObject({ status: 202, body: { id: body.id } });
    await until(async () => (await photosOf(id))[0].state === 'enrolled');

    const corrected = await api.call('PATCH', path(body.id), { face: 2 });
    expect(await untilPhoto(id, corrected.body.id)).toMatchObject({ state: 'enrolled', chosen_face: 2 });
    expect((await photosOf(id)).map(({ state }: { state: string }) => state)).toEqual([
      'removed',
      'enrolled',
    ]);

    expectProblem(await api.call('PATCH', path(body.id), { face: 3 }), 'photo_removed');
    expectProblem(await api.call('PATCH', path(corrected.body.id), { face: 9 }), 'face_unknown');
    expect((await photosOf(id)).at(-1).state, 'still there').toBe('enrolled');
    expectProblem(
      await api.call('PATCH', path(corrected.body.id), { accept: ['face_ugly'] }),
      'body_invalid',
    );
    expectProblem(await api.call('PATCH', path(corrected.body.id), {}), 'body_invalid');
  });

  it('belong to one person, and to faces that exist', async () => {
    const [one, other] = [
      await make('/v1/persons', { name: 'One' }),
      await make('/v1/persons', { name: 'Other' }),
    ];
    const frame = await submit(database, sample(6));
    await untilFinal(database, frame);
    const [face] = (await api.call('GET', `/v1/images/${frame}`)).body.faces;
    const enrol = (person: string, face_id: string) =>
      api.call('POST', `/v1/persons/${person}/faces`, { face_id });
    const { body } = await enrol(one.id, face.id);
    expect((await enrol(one.id, face.id)).body.id, 'again').toBe(body.id);
    expect(expectProblem(await enrol(other.id, face.id), 'face_taken').detail).toContain("'One'");
    expectProblem(await enrol(one.id, unknownId), 'face_unknown');
    expectProblem(await enrol(unknownId, face.id), 'person_unknown');
    expectProblem(await api.call('DELETE', `/v1/persons/${other.id}/photos/${body.id}`), 'photo_unknown');
  });

  it('leave nothing waiting', async () => {
    await expectNothingLeft(database);
  });
});
