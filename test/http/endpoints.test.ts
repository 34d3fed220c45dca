import { beforeAll, describe, expect, it } from 'vitest';
import { toWatchpostError } from '../../src/convert-error.ts';
import { templateNames } from '../../src/endpoints/template.ts';
import type { Vision } from '../../src/vision/index.ts';
import { answering, openReceiver, verifies } from '../endpoints/support.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision } from '../support/pipeline.ts';
import {
  type Api,
  admit,
  bearer,
  expectProblem,
  idleProcess,
  keyWith,
  listen,
  type Process,
} from './support.ts';

const nobody = '01890000-0000-7000-8000-000000000000';

describe('/v1/endpoints', () => {
  let database: TestDatabase;
  let vision: Vision;
  let process: Process;
  let api: Api;
  beforeAll(async () => {
    database = await freshDatabase();
    vision = await realVision();
    process = await idleProcess(database, vision, 'resting');
    api = await listen(database, vision, process);
    await admit(database, api);
    await database.rows(`insert into watchpost.watchlist (name) values ('wanted'), ('vip')`);
  });

  const add = (body: object) => api.call('POST', '/v1/endpoints', body);
  const listed = async (name: string) =>
    (await api.call('GET', '/v1/endpoints')).body.endpoints.find(
      (endpoint: { name: string }) => endpoint.name === name,
    );
  const count = async (table: string) =>
    (await database.rows(`select count(*)::int as n from watchpost.${table}`))[0].n;

  it('adds one, shows its secret this once, and lists it without', async () => {
    const made = await add({
      name: 'guards',
      url: 'https://guards.example/hook?site=1',
      watchlists: ['wanted'],
      min_severity: 'warning',
      time_to_live_seconds: 60,
    });
    expect(made).toMatchObject({
      status: 201,
      body: { id: expect.any(String), secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/) },
    });
    const answer = await api.call('GET', '/v1/endpoints');
    expect(JSON.stringify(answer.body)).not.toContain('whsec_');
    expect(await listed('guards')).toEqual({
      id: made.body.id,
      name: 'guards',
      kind: 'webhook',
      settings: {},
      has_credential: false,
      site: null,
      internal: false,
      title_template: null,
      text_template: null,
      url: 'https://guards.example/hook?site=1',
      min_severity: 'warning',
      time_to_live_seconds: 60,
      watchlists: ['wanted'],
      sends: 'alerts',
      enabled: true,
      disabled_reason: null,
      previous_secret_until: null,
      due: 0,
      created_at: expect.any(String),
    });
    expect((await add({ name: 'guards', url: 'https://other.example' })).body.code).toBe('name_taken');
  });

  it.each([
    ['https://guards.example'],
    ['https://guards.example:8443/a/b?c=d'],
    ['http://localhost:4000/hook'],
    ['http://127.0.0.1/hook'],
    ['http://[::1]:4000/'],
  ])('takes %s', async (url) => {
    const { status, body } = await add({ name: url, url });
    expect(status).toBe(201);
    expect((await api.call('DELETE', `/v1/endpoints/${body.id}`)).status).toBe(204);
  });

  it.each([
    ['https://guards.example:25/', /port 25/],
    ['https://guards.example:0/', /port 0/],
    ['https://user:password@guards.example/', /user or a password/],
    ['http://localhost@guards.example/', /user or a password/],
    ['https://guards.example/#top', /fragment/],
    ['ftp://guards.example/', /https:\/\//],
    ['https://guards.example:99999/', /not a URL/],
    ['https://guards example/', /not a URL/],
    ['guards', /not a URL/],
    ['https://', /not a URL/],
  ])('refuses %s, and makes nothing', async (url, words) => {
    const before = [await count('endpoint'), await count('endpoint_secret')];
    expect(expectProblem(await add({ name: 'bad', url }), 'url_invalid').detail).toMatch(words);
    expect([await count('endpoint'), await count('endpoint_secret')]).toEqual(before);
  });

  it('takes this machine and plain http only where the settings name its network', async () => {
    const strict = await listen(database, vision, process, { outgoing: { networks: [] } });
    await admit(database, strict);
    const post = (url: string) => strict.call('POST', '/v1/endpoints', { name: 'here', url });
    for (const host of ['localhost', '127.0.0.1', '2130706433', '[::1]', '10.0.0.1', '169.254.169.254']) {
      expect(expectProblem(await post(`https://${host}/`), 'address_refused').hint).toMatch(
        /WATCHPOST_OUTGOING_ALLOW/,
      );
    }
    await admit(database, api);
    expect((await add({ name: 'here', url: 'http://127.0.0.1:4000/' })).status).toBe(201);
  });

  it.each([
    [{ name: 'x' }, 'url_invalid'],
    [{ name: 'x', kind: 'pager', url: 'https://a.example' }, 'body_invalid'],
    [{ name: 'x', kind: 'telegram', credential: '1:a' }, 'settings_invalid'],
    [{ name: 'x', kind: 'telegram', credential: '1:a', settings: { chat_id: 'a\nb' } }, 'settings_invalid'],
    [
      { name: 'x', kind: 'ntfy', url: 'https://ntfy.example/a', settings: { chat_id: '1' } },
      'settings_invalid',
    ],
    [{ name: 'x', kind: 'pagerduty' }, 'credential_invalid'],
    [{ name: 'x', kind: 'slack', credential: 'xoxb', url: 'https://slack.com/' }, 'url_invalid'],
    [{ name: 'x', kind: 'discord', url: 'https://discord.com/api/webhooks/1' }, 'credential_invalid'],
    [{ name: 'x', kind: 'mqtt', url: 'https://broker.example' }, 'url_invalid'],
    [{ name: 'x', kind: 'mqtt', url: 'mqtt://1.1.1.1' }, 'url_invalid'],
    [{ name: 'x', kind: 'mqtt', url: 'mqtts://10.0.0.1' }, 'address_refused'],
    [
      { name: 'x', kind: 'email', url: 'smtp://167772161', settings: { from: 'a@b', to: 'a@b' } },
      'address_refused',
    ],
    [{ name: 'x', url: 'https://a.example', title_template: '{{{person}}}' }, 'template_invalid'],
    [{ name: 'x', url: 'https://a.example', text_template: '{{#place}}at' }, 'template_invalid'],
    [{ name: 'x', url: 'https://a.example', text_template: '{{.}}' }, 'template_invalid'],
    [{ name: ' ', url: 'https://a.example' }, 'name_invalid'],
    [{ name: 'x', url: 'https://a.example', min_severity: 'loud' }, 'body_invalid'],
    [{ name: 'x', url: 'https://a.example', time_to_live_seconds: 0 }, 'interval_invalid'],
    [{ name: 'x', url: 'https://a.example', secret: 'whsec_mine' }, 'body_invalid'],
    [{ name: 'x', url: 'https://a.example', watchlists: ['wanted', 'none'] }, 'watchlist_unknown'],
  ] as const)('refuses %o', async (body, code) => {
    const before = await count('endpoint');
    expectProblem(await add(body), code);
    expect(await count('endpoint')).toBe(before);
  });

  it('names what a template may name, in each way of adding it, and what was meant', async () => {
    const names = (await database.rows('select watchpost.template_names() as names'))[0].names;
    expect(names).toEqual(templateNames);
    const hint = `It may name: ${names.join(', ')}.`;
    const wrong = { url: 'https://a.example', text_template: '{{#place}}{{persn}}{{/place}}' };
    expect(expectProblem(await add({ name: 'x', ...wrong }), 'template_invalid')).toMatchObject({
      detail: 'A template cannot name "persn": person was probably meant.',
      hint,
    });
    const bySql = await database
      .rows(`select watchpost.add_endpoint('x', $1, text_template => $2)`, Object.values(wrong))
      .catch(toWatchpostError);
    expect(bySql).toMatchObject({
      code: 'template_invalid',
      message: 'A template cannot name "persn": there is no such thing.',
      hint,
    });
  });

  it('says by a test that a template of a row cannot be read', async () => {
    const { body: made } = await add({ name: 'open section', url: 'https://a.example' });
    const unclosed = `update watchpost.endpoint set title_template = '{{#place}}at' where id = $1`;
    await database.rows(unclosed, [made.id]);
    expectProblem(await api.call('POST', `/v1/endpoints/${made.id}/test`), 'template_invalid');
  });

  it('sends a test message at once, on record, and answers the status, never what the server wrote', async () => {
    const receiver = await openReceiver();
    receiver.answer = answering(200, 'got it');
    const { body: made } = await add({ name: 'tested', url: receiver.url });
    const test = () => api.call('POST', `/v1/endpoints/${made.id}/test`);
    expect((await test()).body).toEqual({
      status: 200,
      error: null,
      durationMs: expect.any(Number),
      attempt: 1,
      deliveryId: expect.any(String),
    });
    const [sent] = receiver.received;
    expect(sent!.message).toMatchObject({
      type: 'test',
      data: { endpoint: 'tested', sent_by: 'api:environment' },
    });
    expect(verifies(sent!, made.secret)).toBe(true);

    receiver.answer = answering(500);
    expect((await test()).body).toMatchObject({ status: 500, error: 'It answered 500.' });
    const { body } = await api.call('GET', `/v1/endpoints/${made.id}/deliveries`);
    expect(body.deliveries).toMatchObject([
      { type: 'test', outcome: 'failed', status: 500, notification_id: null },
      { type: 'test', outcome: 'delivered', status: 200 },
    ]);
    expect(JSON.stringify(body)).not.toContain('got it');
    expect(sent!.headers['webhook-id']).toBe(body.deliveries[1].id);
    const some = await api.call('GET', `/v1/endpoints/${made.id}/deliveries?limit=1`);
    expect(some.body.deliveries).toHaveLength(1);
  });

  it('takes them from a key of a site, and sends its test message', async () => {
    const receiver = await openReceiver();
    const [{ id }] = (await database.rows(
      `insert into watchpost.site (name) values ('south') returning id`,
    )) as [{ id: string }];
    const { key } = await keyWith(database, { scopes: ['administer'], sites: [id] });
    const made = await api.call('POST', '/v1/endpoints', { name: 'south', url: receiver.url }, bearer(key));
    expect(made.status).toBe(201);
    const path = `/v1/endpoints/${made.body.id}/test`;
    expect(await api.call('POST', path, undefined, bearer(key))).toMatchObject({
      status: 200,
      body: { error: null },
    });
  });

  it('rotates a secret: the one before stays valid for the given time', async () => {
    const receiver = await openReceiver();
    const { body: made } = await add({ name: 'rotated', url: receiver.url });
    const rotated = await api.call('POST', `/v1/endpoints/${made.id}/rotate?keep_seconds=3600`);
    expect(rotated).toMatchObject({ status: 200, body: { secret: expect.stringMatching(/^whsec_/) } });
    expect(await listed('rotated')).toMatchObject({ previous_secret_until: rotated.body.previous_until });
    await api.call('POST', `/v1/endpoints/${made.id}/test`);
    for (const secret of [made.secret, rotated.body.secret])
      expect(verifies(receiver.received[0]!, secret)).toBe(true);
    const late = await api.call('POST', `/v1/endpoints/${made.id}/rotate?keep_seconds=forever`);
    expectProblem(late, 'query_invalid');
  });

  it('disables, enables and removes one, records who did it, and frees its name', async () => {
    const { body: made } = await add({ name: 'moody', url: 'https://moody.example' });
    const post = (verb: string) => api.call('POST', `/v1/endpoints/${made.id}/${verb}`);
    expect((await post('disable')).status).toBe(204);
    expect(await listed('moody')).toMatchObject({ enabled: false });
    expect((await post('disable')).status, 'again').toBe(204);
    expect((await post('enable')).status).toBe(204);
    expect(await listed('moody')).toMatchObject({ enabled: true });
    expect((await api.call('DELETE', `/v1/endpoints/${made.id}`)).status).toBe(204);
    expect(await listed('moody')).toBeUndefined();
    const changes = await database.rows(
      `select payload->>'change' as change, payload->>'by' as by from watchpost.event
       where topic = 'endpoint.changed' and subject_id = $1 order by id`,
      [made.id],
    );
    expect(changes).toEqual(
      ['added', 'disabled', 'enabled', 'removed'].map((change) => ({ change, by: 'api:environment' })),
    );
    expect(
      await database.rows('select from watchpost.endpoint_secret where endpoint_id = $1', [made.id]),
    ).toEqual([]);
    expect((await add({ name: 'moody', url: 'https://moody.example' })).status).toBe(201);
  });

  it('changes what is given and leaves the rest, on record', async () => {
    const { body: made } = await add({
      name: 'changing',
      kind: 'ntfy',
      url: 'https://ntfy.example/a',
      credential: 'tk_secret_1',
      watchlists: ['wanted'],
      title_template: '{{person}}',
    });
    const before = await listed('changing');
    const patch = (body: object) => api.call('PATCH', `/v1/endpoints/${made.id}`, body);
    const stored = async () =>
      (
        await database.rows(
          `select convert_from(value, 'UTF8') as value from watchpost.endpoint_credential where endpoint_id = $1`,
          [made.id],
        )
      )[0]?.value;
    expect(await patch({})).toMatchObject({ status: 200, body: before });
    const fields = {
      name: 'changed',
      url: 'https://ntfy.example/b',
      watchlists: ['vip', 'wanted'],
      min_severity: 'critical',
      time_to_live_seconds: 60,
      sends: 'both',
      text_template: '{{camera}}',
    };
    expect(await patch(fields)).toMatchObject({ status: 200, body: { ...before, ...fields } });
    expect(await listed('changed')).toEqual({ ...before, ...fields });
    expect(await stored()).toBe('tk_secret_1');
    expect((await patch({ credential: 'tk_secret_2' })).body).toMatchObject({ has_credential: true });
    expect(await stored()).toBe('tk_secret_2');
    const emptied = { credential: null, title_template: null, text_template: null, watchlists: [] };
    expect((await patch(emptied)).body).toMatchObject({
      has_credential: false,
      title_template: null,
      text_template: null,
      watchlists: [],
      enabled: true,
    });
    const events = await database.rows(
      `select payload->>'change' as change, payload->>'by' as by from watchpost.event
       where topic = 'endpoint.changed' and subject_id = $1 order by id`,
      [made.id],
    );
    expect(events).toEqual(
      [
        'added',
        ...['changed', 'lists replaced'],
        'credential replaced',
        ...['changed', 'credential removed', 'lists replaced'],
      ].map((change) => ({ change, by: 'api:environment' })),
    );
  });

  it.each([
    [{ name: 'guards' }, 'name_taken'],
    [{ name: ' ' }, 'name_invalid'],
    [{ kind: 'webhook' }, 'body_invalid'],
    [{ site: 'south' }, 'body_invalid'],
    [{ url: null }, 'body_invalid'],
    [{ url: 'https://user:password@matrix.example' }, 'url_invalid'],
    [{ url: 'https://10.0.0.1', credential: 'new' }, 'address_refused'],
    [{ settings: {} }, 'settings_invalid'],
    [{ settings: { room_id: '!a', topic: 'b' } }, 'settings_invalid'],
    [{ credential: null }, 'credential_invalid'],
    [{ credential: '' }, 'credential_invalid'],
    [{ title_template: '{{{person}}}' }, 'template_invalid'],
    [{ text_template: '{{#place}}at' }, 'template_invalid'],
    [{ min_severity: 'loud' }, 'body_invalid'],
    [{ time_to_live_seconds: 0 }, 'interval_invalid'],
    [{ watchlists: ['vip', 'none'] }, 'watchlist_unknown'],
    // Its token would be sent to whoever has the new address.
    [{ url: 'https://elsewhere.example' }, 'credential_invalid'],
    [{ url: 'https://matrix.example:8443' }, 'credential_invalid'],
  ] as const)('refuses to change %o, and changes nothing else', async (body, code) => {
    const made =
      (await listed('room')) ??
      (await add({
        name: 'room',
        kind: 'matrix',
        url: 'https://matrix.example',
        settings: { room_id: '!a:matrix.example' },
        credential: 'syt_1',
        watchlists: ['wanted'],
      }).then(() => listed('room')));
    const wanted = { sends: 'both', ...body };
    expectProblem(await api.call('PATCH', `/v1/endpoints/${made.id}`, wanted), code);
    expect(await listed('room')).toEqual(made);
  });

  it('takes the credential of a new address from its last part', async () => {
    const url = 'https://discord.com/api/webhooks/1';
    const { body: made } = await add({ name: 'chat', kind: 'discord', url: `${url}/first` });
    const second = 'https://other.example/api/webhooks/2';
    const { body } = await api.call('PATCH', `/v1/endpoints/${made.id}`, { url: `${second}/second` });
    expect(body).toMatchObject({ url: second, has_credential: true });
    const [{ value }] = (await database.rows(
      `select convert_from(value, 'UTF8') as value from watchpost.endpoint_credential where endpoint_id = $1`,
      [made.id],
    )) as [{ value: string }];
    expect(value).toBe('second');
  });

  it('never writes a secret into the record', async () => {
    const events = await database.rows(`select payload::text from watchpost.event`);
    expect(events.length).toBeGreaterThan(0);
    expect(JSON.stringify(events)).not.toMatch(/whsec_|tk_secret/);
  });

  it.each([
    ['POST', 'test'],
    ['POST', 'rotate'],
    ['POST', 'enable'],
    ['POST', 'disable'],
    ['GET', 'deliveries'],
  ])('knows no endpoint that is not there: %s %s', async (method, verb) => {
    expectProblem(await api.call(method, `/v1/endpoints/${nobody}/${verb}`), 'endpoint_unknown');
    expectProblem(await api.call(method, `/v1/endpoints/guards/${verb}`), 'id_invalid');
  });

  it('answers 404 for one that does not exist', async () => {
    expectProblem(await api.call('PATCH', `/v1/endpoints/${nobody}`, { name: 'x' }), 'endpoint_unknown');
    expectProblem(await api.call('DELETE', `/v1/endpoints/${nobody}`), 'endpoint_unknown');
  });
});
