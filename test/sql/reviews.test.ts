import { beforeAll, describe, expect, it } from 'vitest';
import { actingOn } from '../support/acting.ts';
import { raiseAlert } from '../support/alerts.ts';
import { connectClient, untilBlocked } from '../support/client.ts';
import { freshDatabase, needsServer, onServer, type TestDatabase } from '../support/database.ts';

const nobody = '01890000-0000-7000-8000-000000000000';

describe('acting on an alert', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  const as = (who: string, call: string, ...values: unknown[]) => actingOn(database)(who, call, ...values);
  const historyOf = (alertId: string) =>
    database.rows(
      'select decision, dismissal, reviewer, note from watchpost.alert_review where alert_id = $1 order by id',
      [alertId],
    );

  it('goes from open over acknowledged to confirmed, with who and when', async () => {
    const { alertId } = await raiseAlert(database);
    expect(await as('api:ann', 'acknowledge($1)', alertId)).toMatchObject({
      state: 'acknowledged',
      acknowledged_by: 'api:ann',
      acknowledged_at: expect.any(Date),
      confirmed_by: null,
    });
    expect(await as('api:ben', 'confirm($1, $2)', alertId, 'scar')).toMatchObject({
      state: 'confirmed',
      acknowledged_by: 'api:ann',
      confirmed_by: 'api:ben',
      confirmed_at: expect.any(Date),
    });
    expect(await historyOf(alertId)).toEqual([
      { decision: 'acknowledged', dismissal: null, reviewer: 'api:ann', note: null },
      { decision: 'confirmed', dismissal: null, reviewer: 'api:ben', note: 'scar' },
    ]);
  });

  it('uses the database user as the reviewer when no actor is set', async () => {
    const { alertId } = await raiseAlert(database);
    const [user] = await database.rows('select session_user as name');
    const [reviewed] = await database.rows('select * from watchpost.confirm($1)', [alertId]);
    expect(reviewed.confirmed_by).toBe(user.name);
  });

  it('writes an event for each decision, with who decided what', async () => {
    const { alertId, personId } = await raiseAlert(database);
    await as('api:ann', `dismiss($1, 'resolved')`, alertId);
    expect(
      await database.rows(
        `select payload from watchpost.event where topic = 'alert.reviewed' and payload->>'alert_id' = $1`,
        [alertId],
      ),
    ).toEqual([
      {
        payload: {
          alert_id: alertId,
          person_id: personId,
          decision: 'dismissed',
          dismissal: 'resolved',
          reviewer: 'api:ann',
          state: 'dismissed',
        },
      },
    ]);
  });

  it('reopens a decided alert, and keeps the earlier reviews', async () => {
    const { alertId } = await raiseAlert(database);
    await as('api:ann', 'confirm($1)', alertId);
    expect(await as('api:ben', 'reopen($1, $2)', alertId, 'twin')).toMatchObject({
      state: 'open',
      acknowledged_by: null,
      confirmed_by: null,
      confirmed_at: null,
    });
    expect((await historyOf(alertId)).map((row) => row.decision)).toEqual(['confirmed', 'reopened']);
    await as('api:ann', `dismiss($1, 'false_alarm')`, alertId);
    expect(await as('api:ann', 'reopen($1)', alertId)).toMatchObject({ state: 'open', dismissal: null });
  });

  it.each([
    [[], 'reopen($1)', /open/],
    [['acknowledge($1)'], 'acknowledge($1)', /acknowledged by api:first/],
    [['confirm($1)'], 'confirm($1)', /confirmed by api:first/],
    [['confirm($1)'], 'acknowledge($1)', /confirmed by/],
    [['confirm($1)'], `dismiss($1, 'other')`, /confirmed by/],
    [[`dismiss($1, 'other')`], 'confirm($1)', /dismissed by api:first \(other\)/],
    [[`dismiss($1, 'other')`], `dismiss($1, 'resolved')`, /dismissed by/],
  ])('after %s refuses %s and changes nothing', async (before, call, words) => {
    const { alertId } = await raiseAlert(database);
    for (const step of before) await as('api:first', step, alertId);
    const history = await historyOf(alertId);
    const error = await as('api:second', call, alertId).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'WP051', message: expect.stringMatching(words) });
    expect(await historyOf(alertId)).toEqual(history);
  });

  it('refuses an unknown alert, and an unknown reason', async () => {
    for (const call of ['acknowledge($1)', 'confirm($1)', `dismiss($1, 'other')`, 'reopen($1)'])
      await expect(as('api:ann', call, nobody)).rejects.toMatchObject({ code: 'WP050' });
    const { alertId } = await raiseAlert(database);
    for (const reason of ['boring', null])
      await expect(as('api:ann', 'dismiss($1, $2)', alertId, reason)).rejects.toMatchObject({
        code: 'WP055',
        hint: expect.stringContaining('not_them'),
      });
    expect(await historyOf(alertId)).toEqual([]);
  });

  it('refuses to confirm a withdrawn alert', async () => {
    const { alertId } = await raiseAlert(database);
    await database.rows(
      `select watchpost.supersede_matches(array(select match_id from watchpost.alert_match where alert_id = $1))`,
      [alertId],
    );
    await expect(as('api:ann', 'confirm($1)', alertId)).rejects.toMatchObject({
      code: 'WP051',
      message: expect.stringContaining('withdrawn'),
    });
    expect(await as('api:ann', `dismiss($1, 'false_alarm')`, alertId)).toMatchObject({ state: 'dismissed' });
  });

  describe('of a list that asks for two reviewers', () => {
    it('stays acknowledged after the first, names whom it waits for, and is confirmed by another', async () => {
      const { alertId } = await raiseAlert(database, { reviewers: 2 });
      expect(await as('api:ann', 'confirm($1)', alertId)).toMatchObject({
        state: 'acknowledged',
        confirmed_by: 'api:ann',
      });
      const [waiting] = await database.rows('select awaiting from watchpost.alert_detail where id = $1', [
        alertId,
      ]);
      expect(waiting.awaiting).toMatch(/second reviewer.*api:ann/);
      await expect(as('api:ann', 'confirm($1)', alertId)).rejects.toMatchObject({ code: 'WP052' });
      expect(await as('api:ben', 'confirm($1)', alertId)).toMatchObject({
        state: 'confirmed',
        confirmed_by: 'api:ann',
        second_confirmed_by: 'api:ben',
      });
      expect((await historyOf(alertId)).map((row) => row.reviewer)).toEqual(['api:ann', 'api:ben']);
    });

    it('uses the number of reviewers that the list had when the alert was raised', async () => {
      const { alertId, watchlistId } = await raiseAlert(database, { reviewers: 2 });
      await database.rows('update watchpost.watchlist set reviewers = 1 where id = $1', [watchlistId]);
      expect(await as('api:ann', 'confirm($1)', alertId)).toMatchObject({ state: 'acknowledged' });
    });

    it.each([
      `state = 'confirmed'`,
      `state = 'confirmed', confirmed_by = 'a', confirmed_at = now()`,
      `state = 'confirmed', confirmed_by = 'a', confirmed_at = now(), second_confirmed_by = 'a', second_confirmed_at = now()`,
      `state = 'confirmed', second_confirmed_by = 'b', second_confirmed_at = now()`,
      `reviewers_needed = 1`,
      `state = 'confirmed', reviewers_needed = 1, confirmed_by = 'a', confirmed_at = now()`,
      `state = 'dismissed'`,
      `state = 'dismissed', dismissed_by = 'a', dismissed_at = now()`,
    ])('is not got around by an UPDATE: %s', async (assignments) => {
      const { alertId } = await raiseAlert(database, { reviewers: 2 });
      await expect(
        database.rows(`update watchpost.alert set ${assignments} where id = $1`, [alertId]),
      ).rejects.toMatchObject({ code: expect.stringMatching(/^(23514|WP051)$/) });
    });

    it.skipIf(!onServer)(`lets one of two who confirm at once be the second ${needsServer}`, async () => {
      const { alertId } = await raiseAlert(database, { reviewers: 2 });
      const [ann, ben, alsoBen] = await Promise.all([1, 2, 3].map(() => connectClient(database)));
      for (const [client, name] of [
        [ann, 'ann'],
        [ben, 'ben'],
        [alsoBen, 'ben'],
      ] as const) {
        await client!.query('begin');
        await client!.query(`select set_config('watchpost.actor', $1, true)`, [`api:${name}`]);
      }
      const confirm = (client: typeof ann) => client!.query('select * from watchpost.confirm($1)', [alertId]);
      await confirm(ann);
      const second = confirm(ben);
      await untilBlocked(database);
      const third = confirm(alsoBen).catch((error) => error);
      await untilBlocked(database, 2);
      await ann!.query('commit');
      expect((await second).rows).toMatchObject([
        { state: 'confirmed', confirmed_by: 'api:ann', second_confirmed_by: 'api:ben' },
      ]);
      await ben!.query('commit');
      expect(await third).toMatchObject({ code: 'WP051', message: expect.stringContaining('api:ben') });
      await alsoBen!.query('rollback');
    });
  });

  it('never changes a review, and drops it only with its alert', async () => {
    const { alertId, personId } = await raiseAlert(database);
    await as('api:ann', 'acknowledge($1)', alertId);
    for (const statement of [
      `update watchpost.alert_review set reviewer = 'api:ben' where alert_id = $1`,
      'delete from watchpost.alert_review where alert_id = $1',
    ])
      await expect(database.rows(statement, [alertId])).rejects.toMatchObject({ code: 'WP020' });
    expect((await historyOf(alertId)).length).toBe(1);
    await database.rows('delete from watchpost.person where id = $1', [personId]);
    expect(await historyOf(alertId)).toEqual([]);
  });

  it('writes a cannot_link for each face of a not_them alert, which stays dismissed', async () => {
    const { alertId, personId } = await raiseAlert(database, {
      seen: ['2026-05-01T08:00:00Z', '2026-05-01T08:01:00Z'],
    });
    const faces = await database.rows(
      `select m.face_id from watchpost.match as m join watchpost.alert_match as am on am.match_id = m.id
       where am.alert_id = $1`,
      [alertId],
    );
    expect(await as('api:ann', `dismiss($1, 'not_them', 'a brother')`, alertId)).toMatchObject({
      state: 'dismissed',
      dismissal: 'not_them',
      dismissed_by: 'api:ann',
    });
    const links = await database.rows(
      'select person_id, face_id, reason, created_by from watchpost.cannot_link where alert_id = $1',
      [alertId],
    );
    expect(links.map((link) => link.face_id).sort()).toEqual(faces.map((face) => face.face_id).sort());
    expect(links).toEqual(
      Array(2).fill(
        expect.objectContaining({ person_id: personId, reason: 'a brother', created_by: 'api:ann' }),
      ),
    );
    const [after] = await database.rows('select state from watchpost.alert where id = $1', [alertId]);
    expect(after.state).toBe('dismissed');

    await as('api:ann', `reopen($1, 'it was her after all')`, alertId);
    expect(
      await database.rows('select id from watchpost.cannot_link where alert_id = $1', [alertId]),
    ).toEqual([]);
    const again = await database.rows(
      `select tasks from watchpost.event where topic = 'cannot_link.removed' and payload->>'alert_id' = $1`,
      [alertId],
    );
    expect(again, 'each face is to be searched again').toEqual(Array(2).fill({ tasks: ['backfill'] }));
  });
});
