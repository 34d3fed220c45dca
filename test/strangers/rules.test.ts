import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProblemCode } from '../../src/errors.ts';
import { createKey } from '../../src/http/key-store.ts';
import { match } from '../../src/stages/match.ts';
import type { Tools } from '../../src/stages/stage.ts';
import { track } from '../../src/stages/track.ts';
import { addWatchlist } from '../../src/watchlist/registry.ts';
import { addStrangerRule, type NewStrangerRule } from '../../src/watchlist/stranger-rules.ts';
import { watchpost } from '../commands/support.ts';
import { type Api, admit, expectProblem, idleProcess, listen } from '../http/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { drainAll } from '../support/drain.ts';
import { addKnownPerson, addModel } from '../support/fabricate.ts';
import { filming } from '../support/frames.ts';
import { realVision } from '../support/pipeline.ts';
import { addUnknown, groupStrangers } from '../support/strangers.ts';
import { Vectors } from '../support/vectors.ts';

let database: TestDatabase;
let tools: Tools & { database: TestDatabase };
let api: Api;

beforeAll(async () => {
  database = await freshDatabase();
  const vision = await realVision();
  tools = { database, vision };
  api = await listen(database, vision, await idleProcess(database, vision, 'resting'));
  await admit(database, api);
});

beforeEach(() => database.rows('delete from watchpost.stranger_rule'));

/** Raises the alerts that are due in a minute, and gives those of all rules. */
const raise = async () => {
  await database.rows(`select watchpost.raise_stranger_alerts(clock_timestamp() + interval '1 minute')`);
  return database.rows('select * from watchpost.stranger_alert_detail order by stranger_alert_id');
};
const rule = (fields: Partial<NewStrangerRule> = {}) =>
  addStrangerRule(database.db, { name: 'night', ...fields });

/** A camera, and somebody who walks past it: so many frames from a second on, ten minutes ago. */
const passing = async () => {
  const film = await filming(database);
  const person = film.vectors.any();
  const walk = async (from: number, frames: number) => {
    for (let n = 0; n < frames; n++)
      await film.frame(3000 + from + n / 10, { vector: film.vectors.near(person, 0.9) });
    await drainAll([track, match], tools);
  };
  return { ...film, person, walk };
};

describe('a rule about everybody unknown', () => {
  it('raises one alert for a track, however often it is looked for and however long the track gets', async () => {
    const door = await passing();
    const { id } = await rule({ cameras: [door.name], severity: 'critical' });
    await door.walk(0, 5);
    const [alert, ...others] = await raise();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({
      ...{ kind: 'unknown.seen', rule_id: id, camera: door.name, seen_at: door.time(3000), visits: null },
      face_id: expect.any(String),
    });
    await door.walk(0.5, 10);
    expect(await raise()).toHaveLength(1);
    // A passage of its own.
    await door.walk(60, 5);
    expect(await raise()).toHaveLength(2);
  });

  it('raises none for two tracks that turn out to be one after it was raised for either', async () => {
    const door = await passing();
    await rule({ cameras: [door.name] });
    await door.walk(0, 4);
    await door.walk(3, 4);
    expect(await raise()).toHaveLength(2);
    await door.walk(1.5, 4);
    expect(await door.tracks()).toHaveLength(1);
    expect(await raise()).toHaveLength(2);
  });

  it('raises none about whoever is known, or was seen too briefly, elsewhere or by a rule that is off', async () => {
    const door = await passing();
    const list = await addWatchlist(database.db, { name: `staff ${door.name}` });
    const known = { name: 'Ada', model: door.model, vector: door.person, watchlists: [list.id] };
    await addKnownPerson(database, known);
    const elsewhere = await passing();
    await rule({ name: 'everybody', cameras: [door.name] });
    await rule({ name: 'elsewhere', cameras: [(await filming(database)).name] });
    await rule({ name: 'off', cameras: [elsewhere.name], enabled: false });
    await rule({ name: 'longer', cameras: [elsewhere.name], min_looks: 5 });
    await rule({ name: 'better', cameras: [elsewhere.name], min_quality: 11 });
    await rule({ name: 'later', cameras: [elsewhere.name], wait_seconds: 600 });
    await door.walk(0, 5);
    await elsewhere.walk(0, 4);
    expect(await raise()).toEqual([]);
  });

  it('is about those too who match on another list than those of the rule', async () => {
    const door = await passing();
    const staff = await addWatchlist(database.db, { name: `staff ${door.name}` });
    const banned = await addWatchlist(database.db, { name: `banned ${door.name}` });
    await addKnownPerson(database, {
      name: 'Eve',
      model: door.model,
      vector: door.person,
      watchlists: [banned.id],
    });
    await rule({ name: 'known to staff', cameras: [door.name], known_on: [staff.name] });
    await rule({ name: 'known to all', cameras: [door.name], known_on: [staff.name, banned.name] });
    await door.walk(0, 5);
    expect((await raise()).map((alert) => alert.rule)).toEqual(['known to staff']);
  });

  it('stays without its face when the photo is erased', async () => {
    const door = await passing();
    await rule({ cameras: [door.name] });
    await door.walk(0, 5);
    const [{ image_id, stranger_alert_id }] = await raise();
    const erased = await api.call('POST', `/v1/images/${image_id}/erasure`, { dry_run: false });
    expect(erased).toMatchObject({ status: 200 });
    const [alert] = await database.rows('select * from watchpost.stranger_alert_detail');
    expect(alert).toMatchObject({ stranger_alert_id, face_id: null, camera: door.name });
    await drainAll([track, match], tools);
    expect((await raise()).length, 'not raised again').toBe(1);
  });

  it('is on record, and endpoints that are told of alerts get a message with the crop', async () => {
    const door = await passing();
    await rule({ cameras: [door.name], severity: 'warning' });
    await database.rows(`
      insert into watchpost.endpoint (name, url, sends, min_severity) values
        ('told', 'https://guards.example/hook', 'alerts', 'info'),
        ('critical only', 'https://guards.example/critical', 'alerts', 'critical'),
        ('machines', 'https://ops.example/hook', 'alarms', 'info')`);
    await door.walk(0, 5);
    const [alert] = await raise();
    const [seen] = await database.rows(
      `select * from watchpost.event where topic = 'unknown.seen' and subject_id = $1`,
      [alert.stranger_alert_id],
    );
    expect(seen.payload).toMatchObject({ rule: 'night', camera: door.name, face_id: alert.face_id });
    const due = await database.rows(
      `select e.payload, n.name from watchpost.event as e
       join watchpost.endpoint as n on n.id = (e.payload ->> 'endpoint_id')::uuid
       where e.topic = 'alarm.due' and e.subject_id = $1`,
      [alert.stranger_alert_id],
    );
    expect(due).toEqual([
      {
        name: 'told',
        payload: expect.objectContaining({
          type: 'unknown.seen',
          alarm: expect.objectContaining({ crop: `/v1/faces/${alert.face_id}/crop`, location: 'Door' }),
        }),
      },
    ]);
    await database.rows('delete from watchpost.endpoint');
  });
});

describe('the hours of a rule', () => {
  it.each([
    // 2026-11-23 is a Monday; Vienna is an hour ahead of UTC in November, two in July.
    ['2026-11-23T20:59:00Z', false, 'before it begins'],
    ['2026-11-23T21:00:00Z', true, 'at 22:00 in Vienna'],
    ['2026-11-24T04:59:00Z', true, 'after midnight, which belongs to Monday'],
    ['2026-11-24T05:00:00Z', false, 'at 06:00'],
    ['2026-11-24T21:00:00Z', false, 'on Tuesday night'],
    ['2026-11-22T23:30:00Z', false, 'on the night before Monday'],
    ['2026-07-20T20:00:00Z', true, 'at 22:00 in summer'],
  ])('are those of its time zone, over midnight: %s is %s (%s)', async (at, expected) => {
    const { id } = await rule({
      ...{ days: [1], hours: { from: '22:00', until: '06:00' }, time_zone: 'Europe/Vienna' },
    });
    const [{ inside }] = await database.rows(
      `select watchpost.is_scheduled($2, r.time_zone, r.days, r.from_time, r.until_time) as inside
       from watchpost.stranger_rule as r where r.id = $1`,
      [id, at],
    );
    expect(inside).toBe(expected);
  });
});

describe('a rule about returning strangers', () => {
  it('raises an alert at the visit that it names and at each later one, once', async () => {
    await addModel(database, 'strangers', 64);
    await database.rows(
      `insert into watchpost.camera (name, location) values ('gate', 'North gate') on conflict do nothing`,
    );
    await database.rows(
      `select watchpost.enable_strangers(0.55, 3, interval '30 days', interval '30 minutes')`,
    );
    await rule({ name: 'again', visits: 3, within_seconds: 7 * 86_400, cameras: ['gate'] });
    await rule({ name: 'today', visits: 3, within_seconds: 86_400, cameras: ['gate'] });
    const vectors = new Vectors(64, 3);
    const face = vectors.any();
    const see = async (...minutesAgo: number[]) => {
      for (const minutes of minutesAgo) {
        await addUnknown(database, {
          ...{ model: 'strangers', vector: vectors.near(face, 0.9), camera: 'gate' },
          capturedAt: new Date(Date.now() - minutes * 60_000).toISOString(),
        });
      }
      await groupStrangers(database);
    };
    const day = 24 * 60;
    await see(3 * day, 2 * day);
    expect(await raise()).toEqual([]);
    await see(40, 39);
    const [alert, ...others] = await raise();
    expect(others).toEqual([]);
    expect(alert).toMatchObject({ kind: 'stranger.returned', rule: 'again', visits: 3, camera: 'gate' });
    expect(alert.stranger_id).toEqual(expect.any(String));
    await see(38);
    expect(await raise(), 'the same visit').toHaveLength(1);
    await see(2);
    expect(await raise(), 'another visit').toHaveLength(2);
  });
});

describe('over HTTP and on the command line', () => {
  const run = (...args: string[]) => watchpost(['stranger-rule', ...args], { DATABASE_URL: database.url });
  const unknownId = '01890000-0000-7000-8000-000000000000';

  it('rules are made, listed, changed and removed, each on record', async () => {
    await database.rows(`insert into watchpost.camera (name, location) values ('yard', 'Yard')`);
    const made = await api.call('POST', '/v1/stranger-rules', {
      ...{ name: 'after hours', cameras: ['yard'], days: [7, 6], time_zone: 'Europe/Vienna' },
      ...{ hours: { from: '20:00', until: '07:30' }, visits: 2, within_seconds: 86_400 },
    });
    expect(made).toMatchObject({
      status: 201,
      body: { days: [6, 7], hours: { from: '20:00', until: '07:30' }, within_seconds: 86_400, min_looks: 3 },
    });
    const address = `/v1/stranger-rules/${made.body.id}`;
    expect((await run('list')).stdout).toMatch(/after hours .*visit 2.* sat,sun 20:00-07:30 Europe\/Vienna/);
    const set = await run('set', 'after hours', '--hours', 'all', '--everywhere', '--rename', 'always');
    expect(set).toMatchObject({ code: 0, stderr: '' });
    expect((await api.call('GET', address)).body).toMatchObject({
      name: 'always',
      hours: null,
      cameras: null,
    });
    expect((await api.call('PATCH', address, { visits: null, enabled: false })).body.visits).toBe(null);
    expect((await api.call('GET', '/v1/stranger-rules')).body.rules).toHaveLength(1);
    expect((await api.call('DELETE', address)).status).toBe(204);
    expectProblem(await api.call('GET', address), 'stranger_rule_unknown');
    const changes = await database.rows(
      `select payload ->> 'change' as change, payload ->> 'by' as by from watchpost.event
       where topic = 'stranger_rule.changed' and subject_id = $1 order by id`,
      [made.body.id],
    );
    expect(changes.map(({ change }) => change)).toEqual(['created', 'updated', 'updated', 'deleted']);
    expect(changes[0].by).toMatch(/^api:/);
  });

  it.each([
    [{ time_zone: 'Mars/Olympus' }, 'time_zone_unknown'],
    [{ cameras: ['nowhere'] }, 'camera_unknown'],
    [{ known_on: ['nobody'] }, 'watchlist_unknown'],
    [{ cameras: [] }, 'body_invalid'],
    [{ days: [8] }, 'body_invalid'],
    [{ hours: { from: '24:00', until: '06:00' } }, 'body_invalid'],
    [{ hours: { from: '06:00', until: '06:00' } }, 'body_invalid'],
    [{ visits: 1 }, 'body_invalid'],
    [{ wait_seconds: 601 }, 'body_invalid'],
  ])('%o is refused', async (wrong, code) => {
    expectProblem(
      await api.call('POST', '/v1/stranger-rules', { name: 'wrong', ...wrong }),
      code as ProblemCode,
    );
  });

  it('alerts are listed, and acknowledged once, in the name of whoever did', async () => {
    const door = await passing();
    await rule({ cameras: [door.name] });
    await door.walk(0, 5);
    await door.walk(60, 5);
    await raise();
    const page = await api.call('GET', '/v1/stranger-alerts?open=true&limit=1');
    const [latest] = page.body.alerts;
    expect(latest).toMatchObject({ camera: door.name, crop: `/v1/faces/${latest.face_id}/crop` });
    const rest = await api.call('GET', `/v1/stranger-alerts?after=${page.body.next}`);
    expect(rest.body.alerts).toHaveLength(1);
    const address = `/v1/stranger-alerts/${latest.id}/acknowledge`;
    const { acknowledged_by, acknowledged_at } = (await api.call('POST', address)).body;
    expect(acknowledged_by).toMatch(/^api:/);
    expect((await run('acknowledge', latest.id)).stdout).toBe(`acknowledged by ${acknowledged_by}\n`);
    expect((await api.call('POST', address)).body).toMatchObject({ acknowledged_by, acknowledged_at });
    expect((await api.call('GET', '/v1/stranger-alerts?open=true')).body.alerts).toHaveLength(1);
    expect((await run('alerts', '--open')).stdout).toContain(door.name);
    // Nobody is on a list of theirs, for a key that is bound to lists.
    const list = await addWatchlist(database.db, { name: `bound ${door.name}` });
    const bound = await createKey(database.db, {
      ...{ name: `bound ${list.id}`, scopes: ['read', 'review'], watchlists: [list.id] },
    });
    const asBound = { authorization: `Bearer ${bound.key}` };
    expect((await api.call('GET', '/v1/stranger-alerts', undefined, asBound)).body.alerts).toEqual([]);
    expectProblem(await api.call('POST', address, undefined, asBound), 'stranger_alert_unknown');
    expectProblem(
      await api.call('POST', `/v1/stranger-alerts/${unknownId}/acknowledge`),
      'stranger_alert_unknown',
    );
  });

  it('alerts are confirmed or dismissed once, with a note, and reopened, each on record', async () => {
    const door = await passing();
    await rule({ cameras: [door.name] });
    await door.walk(0, 5);
    const [{ stranger_alert_id: id }] = (await raise()) as [{ stranger_alert_id: string }];
    const post = (verb: string, body: object = {}) =>
      api.call('POST', `/v1/stranger-alerts/${id}/${verb}`, body);
    const { body: dismissed } = await post('dismiss', { note: 'the gardener' });
    expect(dismissed).toMatchObject({ decision: 'dismissed', note: 'the gardener', person: null });
    expect([dismissed.decided_by, dismissed.acknowledged_by]).toEqual(Array(2).fill(dismissed.decided_by));
    expect((await api.call('GET', '/v1/stranger-alerts?open=true')).body.alerts).toEqual([]);
    expect(expectProblem(await post('confirm'), 'transition_invalid')).toMatchObject({
      detail: `The alert cannot be confirmed: it was dismissed by ${dismissed.decided_by}.`,
    });
    expect((await run('reopen', id)).stdout).toBe('open again\n');
    expectProblem(await post('reopen'), 'transition_invalid');
    const confirmed = await run('confirm', id, '--note', 'over the fence', '--json');
    expect(JSON.parse(confirmed.stdout)).toMatchObject({ decision: 'confirmed', note: 'over the fence' });
    expect((await run('alerts')).stdout).toMatch(/ confirmed /);
    expectProblem(
      await api.call('POST', `/v1/stranger-alerts/${unknownId}/confirm`, {}),
      'stranger_alert_unknown',
    );
    const events = await database.rows(
      `select payload ->> 'decision' as decision, payload ? 'note' as has_note from watchpost.event
       where topic = 'stranger_alert.reviewed' and subject_id = $1 order by id`,
      [id],
    );
    expect(events.map(({ decision }) => decision)).toEqual(['dismissed', 'reopened', 'confirmed']);
    expect(events.some(({ has_note }) => has_note)).toBe(false);
  });
});
