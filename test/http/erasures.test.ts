import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import type { TestDatabase } from '../support/database.ts';
import { type Api, expectProblem, serve } from './support.ts';

describe('erasures', () => {
  let database: TestDatabase;
  let api: Api;

  beforeAll(async () => {
    ({ database, api } = await serve());
  });

  it('erase a person with their sightings, under the name of the key, and are listed', async () => {
    const { personId } = await raiseAlert(database);
    const path = `/v1/persons/${personId}/erasure`;
    const rehearsed = await api.call('POST', path, { dry_run: true });
    expect(rehearsed).toMatchObject({
      status: 200,
      body: { dry_run: true, counts: { person: 1, alert: 1 } },
    });
    const erased = await api.call('POST', path, { with_matched_faces: true });
    expect(erased).toMatchObject({
      status: 200,
      body: {
        what: 'person',
        subject_id: personId,
        actor: expect.stringMatching(/^api:/),
        with_matched_faces: true,
        counts: { person: 1, alert: 1, face: 1, image: 1 },
        proof_key: expect.any(String),
      },
    });
    expectProblem(await api.call('GET', `/v1/persons/${personId}`), 'person_unknown');
    const { proof_key, ...receipt } = erased.body;
    expect((await api.call('POST', path)).body).toEqual({ ...receipt, proof_key: null });
    expect((await api.call('GET', '/v1/erasures')).body).toEqual({ erasures: [receipt], next: null });
  });

  it('erase an image that an alert rests on, which a DELETE would keep', async () => {
    const { alertId } = await raiseAlert(database);
    const [{ image_id }] = await database.rows('select image_id from watchpost.alert_detail where id = $1', [
      alertId,
    ]);
    const erased = await api.call('POST', `/v1/images/${image_id}/erasure`);
    expect(erased).toMatchObject({ status: 200, body: { what: 'image', counts: { image: 1, alert: 1 } } });
    expectProblem(await api.call('GET', `/v1/images/${image_id}`), 'image_unknown');
  });

  it('of what nobody knows are errors', async () => {
    const id = '00000000-0000-7000-8000-000000000000';
    expectProblem(await api.call('POST', `/v1/persons/${id}/erasure`), 'person_unknown');
    expectProblem(await api.call('POST', `/v1/images/${id}/erasure`), 'image_unknown');
    expectProblem(
      await api.call('POST', `/v1/images/${id}/erasure`, { with_matched_faces: true }),
      'body_invalid',
    );
  });
});
