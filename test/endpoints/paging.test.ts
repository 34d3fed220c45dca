import { beforeAll, describe, expect, it } from 'vitest';
import { watchpost } from '../commands/support.ts';
import { type Api, expectProblem, serve } from '../http/support.ts';
import { raiseAlert } from '../support/alerts.ts';
import type { TestDatabase } from '../support/database.ts';
import { until } from '../support/until.ts';
import { addEndpoint, deliveriesOf, openReceiver, untilSettled } from './support.ts';

let database: TestDatabase;
let api: Api;
beforeAll(async () => {
  ({ database, api } = await serve());
  // The tests do it themselves, at moments of their choice.
  await database.rows(
    `update watchpost.upkeep_task set every = '365 days', last_run = now() where task = 'paging'`,
  );
});

let made = 0;
/** A list with one endpoint that is told of its alerts, and further ones for its escalation. */
const addList = async (paging: object, further = 0) => {
  made += 1;
  const [list] = await database.rows(`insert into watchpost.watchlist (name) values ($1) returning id`, [
    `paged ${made}`,
  ]);
  const open = async (name: string) => {
    const receiver = await openReceiver();
    const { id } = await addEndpoint(database, {
      name: `${name} ${made}`,
      url: receiver.url,
      watchlistId: list.id,
    });
    return { ...receiver, id, name: `${name} ${made}` };
  };
  const first = await open('first');
  const steps = [];
  for (let n = 0; n < further; n++) steps.push(await open(`step ${n + 1}`));
  const wanted = { ...paging, ...(further > 0 ? { steps: steps.map(({ name }) => name) } : {}) };
  const { status, body } = await api.call('PUT', `/v1/watchlists/${list.id}/paging`, wanted);
  expect({ status, body }).toMatchObject({ status: 200 });
  const raise = (severity = 'warning') => {
    const setting = database.rows('update watchpost.watchlist set severity = $2 where id = $1', [
      list.id,
      severity,
    ]);
    return setting.then(() => raiseAlert(database, { watchlistId: list.id }));
  };
  return { id: list.id as string, first, steps, raise };
};
const allDay = [{ begins: '00:00', ends: '00:00' }];
const heldOf = (listId: string) =>
  until(async () => {
    const rows = await database.rows(
      `select because, released_at is not null as released from watchpost.paging_held where watchlist_id = $1 order by id`,
      [listId],
    );
    return rows.length > 0 && rows;
  });
const page = async () => (await database.rows('select watchpost.page_alerts() as done'))[0].done;
const eventsOf = (topic: string, listId: string) =>
  database.rows(
    `select payload from watchpost.event where topic = $1 and payload ->> 'watchlist_id' = $2 order by id`,
    [topic, listId],
  );

describe('quiet hours', () => {
  it.each([
    ['2026-11-30T21:59:00Z', false],
    ['2026-11-30T22:00:00Z', true],
    ['2026-12-01T04:59:00Z', true],
    ['2026-12-01T05:00:00Z', false],
    // Saturday's begin is none of those days, but Friday's night goes on.
    ['2026-12-05T04:00:00Z', true],
    ['2026-12-05T23:00:00Z', false],
    ['2026-12-06T04:00:00Z', false],
  ])('from Monday to Friday, 23:00 to 06:00 in Berlin: at %s %s', async (moment, quiet) => {
    const { id } = await addList({
      time_zone: 'Europe/Berlin',
      quiet: [{ days: [1, 2, 3, 4, 5], begins: '23:00', ends: '06:00' }],
    });
    expect(await database.rows('select watchpost.is_quiet($1, $2) as quiet', [id, moment])).toEqual([
      { quiet },
    ]);
  });

  it('hold alerts back, on record, and sum them up in one message when they end', async () => {
    const { id, first, raise } = await addList({ quiet: allDay });
    const alerts = [await raise(), await raise(), await raise()];
    await until(async () => (await heldOf(id)).length === 3);
    expect((await eventsOf('alert.held', id)).map(({ payload }) => payload)).toEqual(
      alerts.map(({ alertId }) => expect.objectContaining({ alert_id: alertId, because: 'quiet' })),
    );
    await page();
    expect((await heldOf(id)).map(({ released }) => released)).toEqual([false, false, false]);
    await database.rows('select watchpost.dismiss($1, $2)', [alerts[2]!.alertId, 'false_alarm']);
    await database.rows('delete from watchpost.paging_quiet where watchlist_id = $1', [id]);
    await page();
    const [summary] = await first.has(1);
    expect(summary!.message).toMatchObject({
      type: 'alerts.held',
      data: { count: 2, because: 'quiet', watchlist_id: id, more: 0 },
    });
    expect(summary!.message.data.people).toHaveLength(2);
    expect((await heldOf(id)).map(({ released }) => released)).toEqual([true, true, true]);
    await until(async () => (await deliveriesOf(database, first.id))[0]?.outcome === 'delivered');
    expect(first.received).toHaveLength(1);
  });

  it('let critical alerts pass if the list says so', async () => {
    const { id, first, raise } = await addList({ quiet: allDay, critical_pierces: true });
    await raise('warning');
    await heldOf(id);
    const { alertId } = await raise('critical');
    const [told] = await first.has(1);
    expect(told!.message.data.alert_id).toBe(alertId);
    expect(await heldOf(id)).toHaveLength(1);
  });
});

describe('a rate', () => {
  it('lets so many messages pass and sums up the others later', async () => {
    const { id, first, raise } = await addList({ at_most: 2, within_seconds: 3600 });
    for (let n = 0; n < 4; n++) await raise();
    await until(async () => (await heldOf(id)).length === 2);
    expect((await heldOf(id)).map(({ because }) => because)).toEqual(['rate', 'rate']);
    await page();
    expect((await first.has(2)).map(({ message }) => message.type)).toEqual(['alert.raised', 'alert.raised']);
    await database.rows(`update watchpost.paging set within = '1 second' where watchlist_id = $1`, [id]);
    await until(async () => {
      await page();
      return first.received.length >= 3;
    });
    expect(first.received[2]!.message).toMatchObject({
      type: 'alerts.held',
      data: { count: 2, because: 'rate' },
    });
  });
});

describe('escalation', () => {
  /** As if an alert of the list had been raised so many minutes ago. */
  const longAgo = (alertId: string, minutes: number) =>
    database.rows(
      `with earlier as (
         update watchpost.alert set created_at = now() - make_interval(mins => $2) where id = $1 returning watchlist_id
       )
       update watchpost.paging as p set set_at = now() - interval '1 day'
       from earlier as e where p.watchlist_id = e.watchlist_id`,
      [alertId, minutes],
    );

  it('tells the next endpoint, and then the next, until somebody acknowledges', async () => {
    const { id, first, steps, raise } = await addList({ escalate_after_seconds: 600 }, 3);
    const { alertId } = await raise();
    await untilSettled(database, first.id, 'delivered');
    await page();
    expect(steps.map(({ received }) => received.length)).toEqual([0, 0, 0]);

    await longAgo(alertId, 11);
    await page();
    const [told] = await steps[0]!.has(1);
    expect(told!.message).toMatchObject({ type: 'alert.escalated', data: { alert_id: alertId, step: 1 } });
    await untilSettled(database, steps[0]!.id, 'delivered');
    await page();
    await longAgo(alertId, 21);
    await page();
    await steps[1]!.has(1);
    await database.rows('select watchpost.acknowledge($1)', [alertId]);
    await longAgo(alertId, 31);
    await page();
    expect((await eventsOf('alert.escalated', id)).map(({ payload }) => payload.step)).toEqual([1, 2]);
    expect(steps.map(({ received }) => received.length)).toEqual([1, 1, 0]);
    expect(
      await database.rows('select step from watchpost.escalation where alert_id = $1', [alertId]),
    ).toHaveLength(2);
  });

  it('waits while quiet hours hold the alert back, and begins with the summary', async () => {
    const { id, steps, raise } = await addList({ quiet: allDay, escalate_after_seconds: 600 }, 1);
    const { alertId } = await raise();
    await heldOf(id);
    await longAgo(alertId, 60);
    await page();
    await database.rows('delete from watchpost.paging_quiet where watchlist_id = $1', [id]);
    await page();
    expect(await eventsOf('alert.escalated', id), 'ten minutes after the summary').toEqual([]);
    await database.rows(
      `update watchpost.paging_held set released_at = now() - interval '11 minutes' where watchlist_id = $1`,
      [id],
    );
    await page();
    await steps[0]!.has(1);
  });

  it('leaves alerts alone that were raised before it was set', async () => {
    const { id, steps, raise } = await addList({ escalate_after_seconds: 600 }, 1);
    const { alertId } = await raise();
    await database.rows(`update watchpost.alert set created_at = now() - interval '1 day' where id = $1`, [
      alertId,
    ]);
    await page();
    expect(await eventsOf('alert.escalated', id)).toEqual([]);
    expect(steps[0]!.received).toEqual([]);
  });
});

describe('the paging of a list', () => {
  it('is set, shown and removed over HTTP, on record', async () => {
    const { id } = await addList({ quiet: [{ days: [6, 7], begins: '08:00', ends: '20:00' }] });
    const path = `/v1/watchlists/${id}/paging`;
    expect((await api.call('GET', path)).body).toEqual({
      time_zone: 'UTC',
      quiet: [{ days: [6, 7], begins: '08:00', ends: '20:00' }],
      critical_pierces: false,
      at_most: null,
      within_seconds: null,
      escalate_after_seconds: null,
      steps: [],
    });
    const [latest] = (await eventsOf('watchlist.paging_changed', id)).slice(-1);
    expect(latest.payload).toMatchObject({
      paging: { quiet: [{ begins: '08:00' }] },
      by: expect.any(String),
    });
    expect((await api.call('DELETE', path)).status).toBe(204);
    expect((await api.call('GET', path)).body.quiet).toEqual([]);
    // Postgres would take the others too: a place that is not, an offset and an abbreviation.
    for (const time_zone of ['Mars/Olympus', '+02', 'CEST'])
      expectProblem(await api.call('PUT', path, { time_zone }), 'time_zone_unknown');
    expectProblem(await api.call('PUT', path, { at_most: 5 }), 'body_invalid');
    expectProblem(
      await api.call('PUT', path, { escalate_after_seconds: 60, steps: ['nobody'] }),
      'endpoint_unknown',
    );
    expectProblem(
      await api.call('PUT', path, { quiet: [{ begins: '8:00', ends: '24:00' }] }),
      'body_invalid',
    );
    expect((await api.call('GET', path)).body.time_zone).toBe('UTC');
  });

  it('is set piece by piece on the command line', async () => {
    const { id, first } = await addList({});
    const run = (...args: string[]) =>
      watchpost(['watchlist', 'paging', id, ...args], { DATABASE_URL: database.url });
    expect((await run()).stdout).toBe('every alert is sent at once\n');
    await run('--quiet', 'fri-mon 22:00-06:00', '--time-zone', 'Europe/Berlin', '--critical-pierces');
    await run('--at-most', '5', '--within', '10m');
    const { stdout } = await run('--escalate-after', '5m', '--then', first.name);
    expect(stdout.split('\n')).toEqual([
      'quiet     22:00 to 06:00 Europe/Berlin, mon,fri,sat,sun',
      '          critical alerts are sent nevertheless',
      'rate      5 messages an endpoint within 600 s',
      `escalate  to ${first.name} after 300 s without an acknowledgement`,
      '',
    ]);
    expect((await run('--quiet', 'someday')).stderr).toMatch(/Give quiet hours like/);
    expect((await run('--off')).stdout).toBe('every alert is sent at once\n');
    expect((await run('--escalate-after', '5m')).stderr).toMatch(/--then/);
  });
});
