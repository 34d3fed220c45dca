import { beforeAll, describe, expect, it } from 'vitest';
import { actingOn } from '../support/acting.ts';
import { raiseAlert } from '../support/alerts.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';
import { everything } from '../support/everything.ts';

describe('undoing the last review of an alert', () => {
  let database: TestDatabase;
  let as: ReturnType<typeof actingOn>;
  beforeAll(async () => {
    database = await freshDatabase();
    as = actingOn(database);
  });

  it.each([
    [[], 'acknowledge($1)'],
    [[], `confirm($1, 'a scar')`],
    [['acknowledge($1)'], 'confirm($1)'],
    [['acknowledge($1)'], `dismiss($1, 'resolved')`],
    [[], `dismiss($1, 'false_alarm', 'a poster')`],
    [['acknowledge($1)', 'confirm($1)'], 'reopen($1)'],
    [[`dismiss($1, 'other')`], 'reopen($1)'],
  ])('after %j and %s makes every row what it was', async (before, review) => {
    const { alertId } = await raiseAlert(database, { reviewers: 1 });
    for (const step of before) await as('api:ann', step, alertId);
    const was = await everything(database);
    await as('api:ben', review, alertId);
    expect(await everything(database)).not.toEqual(was);
    await as('api:ben', 'undo($1)', alertId);
    expect(await everything(database)).toEqual(was);
  });

  it('takes the confirmation of one of two reviewers back, who can then confirm again', async () => {
    const { alertId } = await raiseAlert(database, { reviewers: 2 });
    await as('api:ann', 'confirm($1)', alertId);
    const was = await everything(database);
    await as('api:ben', 'confirm($1)', alertId);
    expect(await as('api:ben', 'undo($1)', alertId)).toMatchObject({
      ...{ state: 'acknowledged', confirmed_by: 'api:ann', second_confirmed_by: null },
    });
    expect(await everything(database)).toEqual(was);
    expect(await as('api:ben', 'confirm($1)', alertId)).toMatchObject({ state: 'confirmed' });
  });

  it('is on record with who, why and what was undone, and erases nothing', async () => {
    const { alertId } = await raiseAlert(database);
    await as('api:ann', `dismiss($1, 'resolved', 'gone home')`, alertId);
    await as('api:ben', `undo($1, 'wrong one')`, alertId);
    const [dismissed, undone] = await database.rows(
      'select id, decision, dismissal, reviewer, note, undoes from watchpost.alert_review where alert_id = $1 order by id',
      [alertId],
    );
    expect(dismissed).toMatchObject({
      ...{
        decision: 'dismissed',
        dismissal: 'resolved',
        reviewer: 'api:ann',
        note: 'gone home',
        undoes: null,
      },
    });
    expect(undone).toMatchObject({
      ...{
        decision: 'undone',
        dismissal: null,
        reviewer: 'api:ben',
        note: 'wrong one',
        undoes: dismissed.id,
      },
    });
    const [event] = await database.rows('select payload from watchpost.event where subject_id = $1', [
      undone.id,
    ]);
    expect(event.payload).toMatchObject({
      ...{ alert_id: alertId, decision: 'undone', reviewer: 'api:ben', undoes: dismissed.id, state: 'open' },
    });
  });

  it('goes back one review at a time, until there is none', async () => {
    const { alertId } = await raiseAlert(database);
    for (const step of ['acknowledge($1)', 'confirm($1)', 'reopen($1)', `dismiss($1, 'other')`])
      await as('api:ann', step, alertId);
    const states = [];
    for (let steps = 0; steps < 4; steps += 1) states.push((await as('api:ann', 'undo($1)', alertId)).state);
    expect(states).toEqual(['open', 'confirmed', 'acknowledged', 'open']);
    await expect(as('api:ann', 'undo($1)', alertId)).rejects.toMatchObject({
      code: 'WP056',
      message: expect.stringContaining('no review of this alert to undo'),
    });
  });

  it('is refused, with who has done what, when another review has followed the one that is meant', async () => {
    const { alertId } = await raiseAlert(database);
    const latest = async () =>
      (
        await database.rows(
          'select id from watchpost.alert_review where alert_id = $1 order by id desc limit 1',
          [alertId],
        )
      )[0].id;
    await as('api:ann', 'acknowledge($1)', alertId);
    const acknowledged = await latest();
    await as('api:ben', 'confirm($1)', alertId);
    const confirmed = await latest();
    const undo = (review: string) => as('api:ann', 'undo($1, null, $2)', alertId, review);
    await expect(undo(acknowledged)).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringContaining('confirmed by api:ben') },
    });
    await undo(confirmed);
    await expect(undo(confirmed)).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringContaining('undone by api:ann') },
    });
    await expect(undo(await latest())).rejects.toMatchObject({ code: 'WP056' });
    await expect(undo('01890000-0000-7000-8000-000000000000')).rejects.toMatchObject({
      ...{ code: 'WP056', message: expect.stringContaining('no review of this alert') },
    });
    await expect(
      as('api:ann', 'undo($1)', '01890000-0000-7000-8000-000000000000'),
      'an unknown alert',
    ).rejects.toMatchObject({ code: 'WP050' });
  });

  it('leaves the sightings that have extended the alert since', async () => {
    const { alertId, personId, watchlistId } = await raiseAlert(database, { seen: ['2026-05-01T08:00:00Z'] });
    await as('api:ann', `dismiss($1, 'resolved')`, alertId);
    await database.rows(
      `update watchpost.alert set last_seen = '2026-05-01T08:01:00Z', sightings = sightings where id = $1`,
      [alertId],
    );
    expect(await as('api:ann', 'undo($1)', alertId)).toMatchObject({
      ...{ state: 'open', person_id: personId, watchlist_id: watchlistId },
      last_seen: new Date('2026-05-01T08:01:00Z'),
    });
  });

  it.skipIf(!onServer)(`is done once when two ask at the same moment ${needsServer}`, async () => {
    const { alertId } = await raiseAlert(database);
    await as('api:ann', 'acknowledge($1)', alertId);
    await as('api:ann', 'confirm($1)', alertId);
    const [one, other] = [await connectClient(database), await connectClient(database)];
    await one.query('begin');
    await one.query('select watchpost.undo($1)', [alertId]);
    const second = other.query('select watchpost.undo($1)', [alertId]).catch((error) => error);
    await untilBlocked(database);
    await one.query('commit');
    expect(await second).toMatchObject({ code: 'WP056', message: expect.stringContaining('undone by') });
    const [{ state }] = await database.rows('select state from watchpost.alert where id = $1', [alertId]);
    expect(state).toBe('acknowledged');
  });
});
