import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { connectClient } from '../support/client.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { sample } from '../support/photos.ts';
import { enrolAda, realVision, runWorker, submit, untilFinal } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import {
  addEndpoint,
  answering,
  deliveriesOf,
  hurry,
  notificationsOf,
  openReceiver,
  untilSettled,
  verifies,
} from './support.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await freshDatabase();
  await runWorker(database, await realVision());
});

/** A separate list, for an endpoint of only this list. */
const addList = async (columns: { severity?: string; page_retroactive?: boolean } = {}): Promise<string> => {
  const [list] = await database.rows(
    `insert into watchpost.watchlist (name, severity, page_retroactive)
     values (watchpost.uuidv7()::text, $1, $2) returning id`,
    [columns.severity ?? 'warning', columns.page_retroactive ?? false],
  );
  return list.id;
};

const failuresOf = async (endpointId: string) =>
  (await deliveriesOf(database, endpointId)).filter((row) => row.outcome === 'failed');

/** Resolves when the task notify has handled an alert. */
const untilNotified = (alertId: string) =>
  until(async () => {
    const [row] = await database.rows(
      `select from watchpost.event_task
       where topic = 'alert.raised' and subject_id = $1 and task = 'notify' and outcome = 'done'`,
      [alertId],
    );
    return row;
  });

describe('an endpoint', () => {
  it('gets an alert from a real photo with person, place and similarity, signed, without the photo', async () => {
    const receiver = await openReceiver();
    const { personId, watchlistId } = await enrolAda(database);
    const { id, secret } = await addEndpoint(database, { name: 'real', url: receiver.url, watchlistId });
    await database.rows(
      `insert into watchpost.camera (name, location, zone) values ('gate', 'North gate', 'outside')`,
    );
    const imageId = await submit(database, sample(1), 'gate');
    const [sent] = await receiver.has(1);
    expect(sent!.message).toEqual({
      type: 'alert.raised',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      data: {
        alert_id: expect.any(String),
        person: { id: personId, name: 'Ada', external_ref: null },
        watchlist: expect.any(String),
        severity: 'warning',
        similarity: expect.closeTo(0.71, 1),
        threshold: expect.closeTo(0.5),
        camera: 'gate',
        location: 'North gate',
        zone: 'outside',
        first_seen: expect.any(String),
        last_seen: expect.any(String),
        sightings: 1,
        image_id: imageId,
        face_id: expect.any(String),
        retroactive: false,
      },
    });
    expect(verifies(sent!, secret)).toBe(true);
    const [notification] = await untilSettled(database, id, 'delivered');
    expect(sent!.headers['webhook-id']).toBe(notification.id);
    expect(await deliveriesOf(database, id)).toMatchObject([
      { attempt: 1, outcome: 'delivered', status: 204, error: null, notification_id: notification.id },
    ]);
    expect(await untilFinal(database, imageId), 'the photo does not wait for the endpoint').toMatchObject({
      state: 'done',
      alerts: 1,
    });
  });

  it('gets one message for an alert that is extended, and none of other lists or lower severities', async () => {
    const [mine, others, quiet] = [await openReceiver(), await openReceiver(), await openReceiver()];
    const watchlistId = await addList({ severity: 'warning' });
    const { id } = await addEndpoint(database, { name: 'mine', url: mine.url, watchlistId });
    await addEndpoint(database, { name: 'others', url: others.url, watchlistId: await addList() });
    await addEndpoint(database, { name: 'quiet', url: quiet.url, watchlistId, minSeverity: 'critical' });
    const now = Date.now();
    const { alertId } = await raiseAlert(database, {
      watchlistId,
      seen: [new Date(now - 2000), new Date(now - 1000), new Date(now)].map((time) => time.toISOString()),
    });
    await untilSettled(database, id, 'delivered');
    expect(mine.received.map(({ message }) => message.data.alert_id)).toEqual([alertId]);
    expect([others.received, quiet.received]).toEqual([[], []]);
    const notified = await database.rows(
      'select e.name from watchpost.notification as n join watchpost.endpoint as e on e.id = n.endpoint_id where n.alert_id = $1',
      [alertId],
    );
    expect(notified).toEqual([{ name: 'mine' }]);
  });

  it('without lists gets alerts of all lists', async () => {
    const receiver = await openReceiver();
    const { id } = await addEndpoint(database, { name: 'all', url: receiver.url });
    const raised = [await raiseAlert(database), await raiseAlert(database, { severity: 'info' })];
    await untilSettled(database, id, 'delivered', 2);
    await database.rows('select watchpost.remove_endpoint($1)', [id]);
    expect(receiver.received.map(({ message }) => message.data.alert_id).sort()).toEqual(
      raised.map(({ alertId }) => alertId).sort(),
    );
  });

  it('gets no sighting older than its time to live, which is recorded', async () => {
    const receiver = await openReceiver();
    const watchlistId = await addList();
    const { id } = await addEndpoint(database, {
      name: 'in time',
      url: receiver.url,
      watchlistId,
      timeToLive: '1 minute',
    });
    const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
    const old = await raiseAlert(database, { watchlistId, seen: [ago(61)] });
    expect(await untilSettled(database, id, 'expired')).toMatchObject([{ alert_id: old.alertId }]);
    const fresh = await raiseAlert(database, { watchlistId, seen: [ago(5)] });
    await untilSettled(database, id, 'delivered');
    expect(receiver.received.map(({ message }) => message.data.alert_id)).toEqual([fresh.alertId]);
    expect(await deliveriesOf(database, id), 'nothing was tried for the old one').toHaveLength(1);
    expect(await database.rows(`select from watchpost.dead_letter where task = 'deliver'`)).toEqual([]);
  });

  it('counts a photo from the future as of the time of its match', async () => {
    const receiver = await openReceiver();
    const watchlistId = await addList();
    const { id } = await addEndpoint(database, {
      name: 'fast clock',
      url: receiver.url,
      watchlistId,
      timeToLive: '1 minute',
    });
    receiver.answer = answering(500);
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
    const { alertId } = await raiseAlert(database, { watchlistId, seen: [tomorrow] });
    await receiver.has(1);
    await database.rows(
      `update watchpost.match set created_at = now() - interval '2 minutes'
       where id in (select match_id from watchpost.alert_match where alert_id = $1)`,
      [alertId],
    );
    await until(async () => {
      await hurry(database);
      const [row] = await notificationsOf(database, id);
      return row.state === 'expired';
    });
  });

  it('gets no retry of an alert that was withdrawn or dismissed meanwhile', async () => {
    const receiver = await openReceiver();
    const watchlistId = await addList();
    const { id } = await addEndpoint(database, { name: 'late', url: receiver.url, watchlistId });
    receiver.answer = answering(500);
    const withdrawn = await raiseAlert(database, { watchlistId });
    const dismissed = await raiseAlert(database, { watchlistId });
    await until(async () => (await failuresOf(id)).length === 2);
    receiver.answer = answering(204);
    await database.rows(
      `select watchpost.supersede_matches(array(select match_id from watchpost.alert_match where alert_id = $1))`,
      [withdrawn.alertId],
    );
    await database.rows(`select watchpost.dismiss($1, 'false_alarm')`, [dismissed.alertId]);
    await until(async () => {
      await hurry(database);
      return (await notificationsOf(database, id)).every((row) => row.state === 'withdrawn');
    });
    expect(receiver.received).toHaveLength(2);
  });

  it('gets nothing while disabled, nor later what was due then', async () => {
    const receiver = await openReceiver();
    const watchlistId = await addList();
    const { id } = await addEndpoint(database, { name: 'off', url: receiver.url, watchlistId });
    receiver.answer = answering(500);
    await raiseAlert(database, { watchlistId });
    await until(async () => (await failuresOf(id)).length === 1);
    receiver.answer = answering(204);
    await database.rows('select watchpost.disable_endpoint($1)', [id]);
    await until(async () => {
      await hurry(database);
      return (await notificationsOf(database, id)).every((row) => row.state === 'disabled');
    });
    const { alertId } = await raiseAlert(database, { watchlistId });
    await untilNotified(alertId);
    expect(await notificationsOf(database, id)).toHaveLength(1);
    await database.rows('select watchpost.enable_endpoint($1)', [id]);
    await raiseAlert(database, { watchlistId });
    await untilSettled(database, id, 'delivered');
    expect(receiver.received).toHaveLength(2);
  });

  it('gets retroactive alerts only if the list says so, marked as such', async () => {
    const receiver = await openReceiver();
    const [silent, paging] = [await addList(), await addList({ page_retroactive: true })];
    const { id } = await addEndpoint(database, { name: 'past', url: receiver.url, timeToLive: '1 minute' });
    const lastYear = '2025-05-01T08:00:00Z';
    const raised: string[] = [];
    // Marked before it is visible, as the backfill does.
    const client = await connectClient(database);
    const rows = async (text: string, values: unknown[] = []) => (await client.query(text, values)).rows;
    await client.query('begin');
    for (const watchlistId of [silent, paging]) {
      const { alertId } = await raiseAlert({ ...database, rows }, { watchlistId, seen: [lastYear] });
      await rows('update watchpost.alert set retroactive = true where id = $1', [alertId]);
      raised.push(alertId);
    }
    await client.query('commit');
    for (const alertId of raised) await untilNotified(alertId);
    await untilSettled(database, id, 'delivered');
    await database.rows('select watchpost.remove_endpoint($1)', [id]);
    expect(receiver.received.map(({ message }) => message)).toMatchObject([
      {
        type: 'alert.retroactive',
        data: { alert_id: raised[1], retroactive: true, last_seen: '2025-05-01T08:00:00.000Z' },
      },
    ]);
  });
});
