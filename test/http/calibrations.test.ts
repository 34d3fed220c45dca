import { beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { addKnownPerson, addModel, addReference } from '../support/fabricate.ts';
import { type Api, ask, expectProblem, serve } from './support.ts';

describe('/v1/calibrations', () => {
  let database: TestDatabase;
  let api: Api;
  let id: string;
  beforeAll(async () => {
    ({ database, api } = await serve());
    expect((await api.call('GET', '/v1/calibrations')).body).toEqual({ calibrations: [], next: null });
    const model = await addModel(database, 'four', 4);
    const ada = await addKnownPerson(database, { name: 'Ada', model, vector: [1, 0, 0, 0] });
    await addReference(database, { ...ada, model, vector: [0.8, 0.6, 0, 0] });
    await addKnownPerson(database, { name: 'Bea', model, vector: [0.6, 0.8, 0, 0] });
    [{ id }] = (await database.rows('select id from watchpost.calibrate()')) as [{ id: string }];
  });

  it('lists the calibrations', async () => {
    const { status, body } = await api.call('GET', '/v1/calibrations');
    expect(status).toBe(200);
    expect(body.calibrations).toMatchObject([{ id, model_id: 'four', people: 2, photos: 3, strangers: 3 }]);
  });

  it('has the curve, and the threshold for a rate', async () => {
    const { body } = await api.call('GET', `/v1/calibrations/${id}?target_fpir=0.5`);
    expect(body).toMatchObject({ id, model_id: 'four', people: 2 });
    expect(body.points).toHaveLength(1001);
    // Bea's 0.816 to Ada (d^2 is 0.34); Ada's 0.6 and 0.96 to Bea.
    expect(body).toMatchObject({ recommended: { false_positives: 1 }, strangers_needed: 2 });
    expect(body.recommended.threshold).toBeCloseTo(0.817);
  });

  it('recommends nothing for a rate that three strangers cannot measure, and says how many could', async () => {
    const { body } = await api.call('GET', `/v1/calibrations/${id}`);
    expect(body).toMatchObject({ strangers: 3, recommended: null, strangers_needed: 334 });
    const { body: svg } = await api.call('GET', `/v1/calibrations/${id}.svg`);
    expect(new TextDecoder().decode(svg)).not.toMatch(/class="mark"/);
  });

  it('draws the curve, with the threshold for the rate marked', async () => {
    const { status, headers, body } = await api.call('GET', `/v1/calibrations/${id}.svg?target_fpir=0.5`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('image/svg+xml');
    const svg = new TextDecoder().decode(body);
    expect(svg).toMatch(/^<svg [\s\S]+<\/svg>\n$/);
    expect(svg).toMatch(/threshold 0\.817 for 50% of strangers/);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('refuses an unknown id, and a call without a key', async () => {
    expectProblem(await api.call('GET', '/v1/calibrations/latest'), 'id_invalid');
    const other = '01a209ef-ddfe-7c41-b13a-e38f46231769';
    expectProblem(await api.call('GET', `/v1/calibrations/${other}`), 'calibration_unknown');
    expectProblem(await api.call('GET', `/v1/calibrations/${other}.svg`), 'calibration_unknown');
    for (const rate of ['0', '1', 'few'])
      expectProblem(await api.call('GET', `/v1/calibrations/${id}.svg?target_fpir=${rate}`), 'query_invalid');
    expectProblem(await ask(new URL('/v1/calibrations', api.url), 'GET'), 'key_missing');
  });
});
