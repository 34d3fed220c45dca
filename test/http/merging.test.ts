import { beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { untilFinal } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { type Api, expectProblem, formOf, serve } from './support.ts';

/** Ada is face 2 of sample 3 and face 3 of sample 1. */
describe('somebody who was enrolled twice', () => {
  let database: TestDatabase;
  let api: Api;
  let ada: string;
  let twin: string;
  let listId: string;

  const person = async (id: string) => (await api.call('GET', `/v1/persons/${id}`)).body;
  const enrol = async (id: string, photo: Buffer, face: string) => {
    const { body } = await api.call('POST', `/v1/persons/${id}/photos`, formOf(photo, { face }));
    return { ...(await untilFinal(database, body.image_id)), image_id: body.image_id };
  };

  beforeAll(async () => {
    ({ database, api } = await serve());
    listId = (await api.call('POST', '/v1/watchlists', { name: 'wanted' })).body.id;
    const add = async (about: object) => (await api.call('POST', '/v1/persons', about)).body.id;
    ada = await add({ name: 'Ada', external_ref: 'a-1' });
    twin = await add({ name: 'Ada L.', external_ref: 'a-2', watchlists: ['wanted'] });
    await enrol(ada, sample(3), '2');
  });

  it('is offered to be merged: the refused photo says with whom', async () => {
    const refused = await enrol(twin, sample(1), '3');
    expect(refused).toMatchObject({ state: 'failed', code: 'face_of_another' });
    expect(refused.message).toMatch(/looks like 'Ada' \(.*If they are one person, merge the two/);
    const { photos } = await person(twin);
    expect(photos).toMatchObject([
      { state: 'refused', code: 'face_of_another', looks_like: { id: ada, name: 'Ada' } },
    ]);
  });

  it('is merged by a call in the name of its key, and the refused photo is enrolled', async () => {
    const { status, body } = await api.call('POST', `/v1/persons/${ada}/merge`, {
      merged_id: twin,
      note: 'the same scar',
    });
    expect(status).toBe(200);
    expect(body).toEqual({
      id: expect.any(String),
      person_id: ada,
      merged_id: twin,
      note: 'the same scar',
      merged_by: expect.stringMatching(/^api:/),
      merged_at: expect.any(String),
      moved: { person_photo: 1, watchlist_entry: 1 },
    });
    await until(
      async () =>
        (await person(ada)).photos.filter((one: { state: string }) => one.state === 'enrolled').length === 2,
    );
    expect(await person(ada)).toMatchObject({
      watchlists: [{ name: 'wanted' }],
      merged: [{ id: twin, name: 'Ada L.', external_ref: 'a-2', note: 'the same scar' }],
      photos: [{ looks_like: null }, { looks_like: null }],
    });
  });

  it('answers to both ids and both references', async () => {
    const answer = await api.call('GET', `/v1/persons/${twin}`);
    expect(answer.body.id).toBe(ada);
    expect(answer.headers.get('content-location')).toBe(`/v1/persons/${ada}`);
    const found = async (query: string) =>
      (await api.call('GET', `/v1/persons?${query}`)).body.persons.map(({ id }: { id: string }) => id);
    expect(await found('external_ref=a-2')).toEqual([ada]);
    expect(await found('name=ada'), 'and is listed once').toEqual([ada]);
    expect((await api.call('GET', `/v1/alerts?person_id=${twin}`)).status).toBe(200);
    await api.call('DELETE', `/v1/watchlists/${listId}/persons/${twin}`);
    expect(await found('watchlist=wanted')).toEqual([]);
    await api.call('PUT', `/v1/watchlists/${listId}/persons/${twin}`);
    expect(await found('watchlist=wanted')).toEqual([ada]);
  });

  it('is not changed or forgotten by the id of the one who was merged', async () => {
    for (const answer of [
      await api.call('PATCH', `/v1/persons/${twin}`, { name: 'Augusta' }),
      await api.call('DELETE', `/v1/persons/${twin}`),
    ]) {
      expect(expectProblem(answer, 'person_merged')).toMatchObject({
        detail: `'Ada L.' was merged into 'Ada' (${ada}).`,
        hint: expect.stringContaining('undo the merge first'),
      });
    }
    expect((await person(ada)).name).toBe('Ada');
    const taken = await api.call('POST', '/v1/persons', { name: 'Augusta', external_ref: 'a-2' });
    expectProblem(taken, 'name_taken');
  });

  it('is two again after the merge was undone', async () => {
    const undone = await api.call('POST', `/v1/persons/${twin}/unmerge`, { note: 'sisters' });
    expect(undone).toMatchObject({ status: 200, body: { person_id: ada, merged_id: twin, note: 'sisters' } });
    expect(await person(twin)).toMatchObject({ id: twin, photos: [{ state: 'enrolled' }] });
    expect(await person(ada)).toMatchObject({ merged: [], photos: [{ state: 'enrolled' }] });
    expect(await database.rows('select rule, finding from watchpost.invariant')).toEqual([]);
  });

  it('is merged with nobody who cannot be', async () => {
    const call = (id: string, merged_id: unknown) =>
      api.call('POST', `/v1/persons/${id}/merge`, { merged_id });
    expectProblem(await call(ada, ada), 'merge_self');
    expectProblem(await call(ada, '00000000-0000-7000-8000-000000000000'), 'person_unknown');
    expectProblem(await call(ada, 'twin'), 'body_invalid');
    expectProblem(await api.call('POST', `/v1/persons/${ada}/unmerge`), 'merge_missing');
    await database.rows('insert into watchpost.cannot_link (person_id, other_person_id) values ($1, $2)', [
      ada,
      twin,
    ]);
    expectProblem(await call(ada, twin), 'merge_refused');
  });
});
