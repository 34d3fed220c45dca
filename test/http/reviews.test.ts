import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from './support.ts';

const nobody = '01890000-0000-7000-8000-000000000000';

describe('/v1/alerts/{id}', () => {
  let database: TestDatabase;
  let api: Api;
  let secondKey: Record<string, string>;
  beforeAll(async () => {
    database = await freshDatabase();
    const vision = await realVision();
    const process = await idleProcess(database, vision, 'resting');
    api = await listen(database, vision, process);
    await admit(database, api);
    await database.rows(
      `insert into watchpost.api_key (name, sha256, scopes) values ('second', sha256('key-of-a-second-guard'), '{review,read}')`,
    );
    secondKey = { authorization: 'Bearer key-of-a-second-guard' };
  });

  const review = (id: string, decision: string, body?: unknown, headers = {}) =>
    api.call('POST', `/v1/alerts/${id}/${decision}`, body, headers);

  it('has all about an alert: sightings with their crops, reviews, and its lineage', async () => {
    const { alertId, personId } = await raiseAlert(database, {
      seen: ['2026-05-01T08:00:00Z', '2026-05-01T08:01:00Z'],
    });
    await review(alertId, 'acknowledge', { note: 'on my way' });
    const { status, body } = await api.call('GET', `/v1/alerts/${alertId}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: alertId,
      person_id: personId,
      state: 'acknowledged',
      acknowledged_by: 'api:environment',
      awaiting: null,
      sightings: 2,
      reviews: [{ decision: 'acknowledged', reviewer: 'api:environment', note: 'on my way' }],
      notifications: [],
    });
    expect(
      body.matches.map((match: { captured_at: string; stands: boolean }) => [
        match.captured_at,
        match.stands,
      ]),
    ).toEqual([
      ['2026-05-01T08:00:00.000Z', true],
      ['2026-05-01T08:01:00.000Z', true],
    ]);
    expect(body.matches[0].crop_url).toBe(`${api.url}/v1/faces/${body.matches[0].face_id}/crop`);
    const crop = await api.call('GET', body.matches[0].crop_url);
    expect(crop.status).toBe(200);
    expect(body.lineage).toHaveLength(2);
    expect(body).not.toHaveProperty('xid');
  });

  it('lets one of two simultaneous reviewers acknowledge, and names that one to the other', async () => {
    const { alertId } = await raiseAlert(database);
    const answers = await Promise.all([
      review(alertId, 'acknowledge'),
      review(alertId, 'acknowledge', undefined, secondKey),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const winner = answers.find(({ status }) => status === 200)!.body.acknowledged_by;
    const loser = answers.find(({ status }) => status === 409)!;
    expect(expectProblem(loser, 'transition_invalid').detail).toContain(`acknowledged by ${winner}`);
  });

  it('needs two keys to confirm where the list asks for two, and says what it waits for', async () => {
    const { alertId } = await raiseAlert(database, { reviewers: 2 });
    const first = await review(alertId, 'confirm');
    expect(first).toMatchObject({
      status: 200,
      body: { state: 'acknowledged', awaiting: 'a second reviewer, other than api:environment' },
    });
    expectProblem(await review(alertId, 'confirm'), 'reviewer_repeated');
    const second = await review(alertId, 'confirm', {}, secondKey);
    expect(second).toMatchObject({
      status: 200,
      body: {
        state: 'confirmed',
        awaiting: null,
        confirmed_by: 'api:environment',
        second_confirmed_by: 'api:second',
      },
    });
  });

  it('dismisses for a reason, reopens, and lists by state', async () => {
    const { alertId, watchlist } = await raiseAlert(database);
    const listed = async (state: string) =>
      (await api.call('GET', `/v1/alerts?state=${state}&watchlist=${encodeURIComponent(watchlist)}`)).body
        .alerts.length;
    const dismissed = await review(alertId, 'dismiss', { dismissal: 'false_alarm', note: 'a poster' });
    expect(dismissed.body).toMatchObject({ state: 'dismissed', dismissal: 'false_alarm' });
    expect([await listed('dismissed'), await listed('open')]).toEqual([1, 0]);
    expectProblem(await review(alertId, 'confirm'), 'transition_invalid');
    expect((await review(alertId, 'reopen')).body).toMatchObject({ state: 'open', dismissed_by: null });
    expect([await listed('dismissed'), await listed('open')]).toEqual([0, 1]);
  });

  it('undoes the last review, if it is still the one that is meant, and has both on record', async () => {
    const { alertId } = await raiseAlert(database);
    const before = (await api.call('GET', `/v1/alerts/${alertId}`)).body;
    const dismissed = await review(alertId, 'dismiss', { dismissal: 'resolved' });
    const undone = await review(alertId, 'undo', { review: dismissed.body.review_id, note: 'wrong one' });
    expect(undone).toMatchObject({ status: 200, body: { state: 'open', review_id: null } });
    const after = (await api.call('GET', `/v1/alerts/${alertId}`)).body;
    expect({ ...after, reviews: [] }).toEqual(before);
    expect(after.reviews).toMatchObject([
      { id: dismissed.body.review_id, decision: 'dismissed', undoes: null },
      {
        decision: 'undone',
        undoes: dismissed.body.review_id,
        reviewer: 'api:environment',
        note: 'wrong one',
      },
    ]);

    const confirmed = await review(alertId, 'confirm');
    await review(alertId, 'reopen', {}, secondKey);
    const refused = await review(alertId, 'undo', { review: confirmed.body.review_id });
    expect(expectProblem(refused, 'undo_refused').detail).toContain('reopened by api:second');
    expect((await review(alertId, 'undo')).body).toMatchObject({ state: 'confirmed' });
    expect((await review(alertId, 'undo')).body).toMatchObject({ state: 'open' });
    expectProblem(await review(alertId, 'undo'), 'undo_refused');
  });

  it.each([
    ['undo', { review: 'the last' }, /review/],
    ['undo', { dismissal: 'resolved' }, /dismissal/],
    ['dismiss', undefined, /dismissal: give one of not_them/],
    ['dismiss', { dismissal: 'boring' }, /dismissal: give one of/],
    ['confirm', { note: 5 }, /note/],
    ['confirm', { reviewer: 'api:somebody' }, /reviewer/],
    ['confirm', '"words"', /expected object/],
    ['confirm', 'not json', /not JSON/],
  ])('refuses to %s with %o, and changes nothing', async (decision, body, words) => {
    const { alertId } = await raiseAlert(database);
    expect(expectProblem(await review(alertId, decision, body), 'body_invalid').detail).toMatch(words);
    expect((await api.call('GET', `/v1/alerts/${alertId}`)).body).toMatchObject({
      state: 'open',
      reviews: [],
    });
  });

  it.each(['acknowledge', 'confirm', 'reopen', 'undo'])(
    'knows no alert to %s that is not there',
    async (decision) => {
      expectProblem(await review(nobody, decision), 'alert_unknown');
      expectProblem(await review('first', decision), 'id_invalid');
    },
  );

  it('answers 404 for an alert that does not exist', async () => {
    expectProblem(await api.call('GET', `/v1/alerts/${nobody}`), 'alert_unknown');
    expectProblem(await api.call('GET', '/v1/alerts/latest'), 'id_invalid');
  });
});
