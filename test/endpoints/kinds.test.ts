import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { useEncryptionKey } from '../../src/database/at-rest.ts';
import { testPicture } from '../../src/endpoints/picture.ts';
import { openLog } from '../../src/log.ts';
import { startWorker } from '../../src/runner/worker.ts';
import { type Api, admit, ask, expectProblem, listen } from '../http/support.ts';
import { raiseAlert } from '../support/alerts.ts';
import { atEnd } from '../support/at-end.ts';
import { programs } from '../support/brokers.ts';
import { makeCertificate, trust } from '../support/certificates.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { outgoing, realVision } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import { openBroker } from './receivers/broker.ts';
import { openMail } from './receivers/mail.ts';
import { openServices } from './receivers/services.ts';
import { deliveriesOf, hurry, untilSettled } from './support.ts';

/** Each kind against a local receiver that takes what the service's documentation asks for, and nothing else. */

let database: TestDatabase;
let api: Api;
let services: Awaited<ReturnType<typeof openServices>>;
const publicUrl = 'https://watchpost.example';
const crop = testPicture().bytes;
/** Of the mail servers: without TLS they are told no password. */
const certificate = makeCertificate('IP:127.0.0.1');

beforeAll(async () => {
  trust(certificate);
  database = await freshDatabase();
  const vision = await realVision();
  const linked = { ...outgoing, publicUrl };
  const worker = await startWorker(
    { database, vision, outgoing: linked },
    { concurrency: 2, log: openLog('silent') },
  );
  atEnd(() => worker.stop());
  api = await listen(database, vision, { id: worker.id, nudge: () => worker.nudge() }, { outgoing: linked });
  await admit(database, api);
  services = await openServices();
});

/** Adds an endpoint for a list of its own by the API, and returns what raises an alert of that list, with a crop. */
const add = async (kind: string, endpoint: object) => {
  const [list] = await database.rows(
    `insert into watchpost.watchlist (name, severity) values ($1, 'critical') returning id, name`,
    [`<b>${kind}</b> ${Math.random()}`],
  );
  const { status, body } = await api.call('POST', '/v1/endpoints', {
    name: `${kind} ${list.id}`,
    kind,
    watchlists: [list.name],
    ...endpoint,
  });
  expect({ status, body }).toMatchObject({ status: 201 });
  const raise = () => raiseAlert(database, { watchlistId: list.id });
  return { id: body.id as string, list: list.name as string, raise };
};
const test = async (id: string) => (await api.call('POST', `/v1/endpoints/${id}/test`)).body;
/** Raises an alert, whose crop is there before its message is sent. */
const raiseWithCrop = async (raise: () => ReturnType<typeof raiseAlert>) => {
  await database.rows(`select watchpost.pause('notify')`);
  const raised = await raise();
  await database.rows(
    `update watchpost.face set crop = $1
     where id = (select d.face_id from watchpost.alert_detail as d where d.id = $2)`,
    [crop, raised.alertId],
  );
  await database.rows(`select watchpost.resume('notify')`);
  return raised;
};

describe('an endpoint of the kind', () => {
  it('slack, with the webhook that Slack shows, has the crop by a link, and no secret in what is listed', async () => {
    const { id, raise, list } = await add('slack', { url: `${services.url}/services/T0/B0/slack-secret` });
    await raiseWithCrop(raise);
    const [call] = await services.callsOf('/services/', 1);
    const escaped = list.replaceAll('<', '&lt;').replaceAll('>', '&gt;');
    expect(call!.content.text).toContain(escaped);
    expect(call!.content.blocks[0].text.text).toMatch(/<https:\/\/watchpost\.example\/links\/[\w-]{48}\|/);
    expect(call!.content.blocks[1].image_url).toMatch(
      /^https:\/\/watchpost\.example\/links\/[\w-]{48}\/crop$/,
    );
    await untilSettled(database, id, 'delivered');
    const { body } = await api.call('GET', `/v1/endpoints/${id}`);
    expect(body).toMatchObject({ kind: 'slack', has_credential: true, settings: {} });
    expect(JSON.stringify(body)).not.toContain('slack-secret');
  });

  it('slack, with the token of a bot, uploads the crop', async () => {
    const { id, raise } = await add('slack', {
      url: services.url,
      credential: 'xoxb-secret',
      settings: { channel: 'C1' },
    });
    await raiseWithCrop(raise);
    await untilSettled(database, id, 'delivered');
    const [upload] = await services.callsOf('/slack-files/1', 1);
    expect(upload!.picture?.equals(crop)).toBe(true);
    const [complete] = await services.callsOf('completeUploadExternal', 1);
    expect(complete!.headers.authorization).toBe('Bearer xoxb-secret');
    expect(complete!.content).toMatchObject({ channel_id: 'C1', files: [{ id: 'F1' }] });
  });

  it('discord attaches the crop and calls nobody', async () => {
    const { id, raise } = await add('discord', { url: `${services.url}/api/webhooks/42/discord-secret` });
    await raiseWithCrop(raise);
    await untilSettled(database, id, 'delivered');
    const [call] = await services.callsOf('/api/webhooks/', 1);
    expect(call!.picture?.equals(crop)).toBe(true);
    expect(call!.content.embeds[0].title).toContain('\\<b\\>discord\\</b\\>');
  });

  it('telegram sends a photo with its templates filled in and escaped', async () => {
    const { id, raise } = await add('telegram', {
      url: services.url,
      credential: '1:telegram-secret',
      settings: { chat_id: '-100' },
      title_template: '{{person}} & {{watchlist}}',
      text_template:
        '{{#place}}at {{place}}{{/place}}{{^external_ref}}unknown{{/external_ref}} {{#external_ref}}{{.}}{{/external_ref}}',
    });
    await raiseWithCrop(raise);
    await untilSettled(database, id, 'delivered');
    const [call] = await services.callsOf('sendPhoto', 1);
    expect(call!.picture?.equals(crop)).toBe(true);
    expect(call!.content.caption).toMatch(
      /^<b>Person \d+ & &lt;b&gt;telegram&lt;\/b&gt; [\d.]+<\/b>\nat camera \d+, Gate \d+ ref-\d+\n<a href="https/,
    );
  });

  it('ntfy attaches the crop, by PUT, with the text in headers', async () => {
    const { id, raise } = await add('ntfy', { url: `${services.url}/ntfy-topic`, credential: 'tk_1' });
    await raiseWithCrop(raise);
    await untilSettled(database, id, 'delivered');
    const [call] = await services.callsOf('/ntfy-topic', 1);
    expect(call!.picture?.equals(crop)).toBe(true);
    expect(call!.headers).toMatchObject({
      priority: '5',
      filename: 'face.png',
      authorization: 'Bearer tk_1',
    });
    const words = Buffer.from(/\?B\?(.*)\?=/.exec(call!.content.title)![1]!, 'base64').toString();
    expect(words).toMatch(/^Person \d+ \(<b>ntfy/);
  });

  it('email shows the crop within the mail', async () => {
    const mail = await openMail('guard', 'mail-secret', certificate);
    const { id, raise } = await add('email', {
      url: mail.url,
      credential: 'mail-secret',
      settings: { from: 'watchpost@example.com', to: 'a@example.com, b@example.com', user: 'guard' },
    });
    await raiseWithCrop(raise);
    const [notification] = await untilSettled(database, id, 'delivered');
    const [sent] = await mail.has(1);
    expect(sent).toContain(`Message-ID: <${notification.id}@watchpost>`);
    expect(sent).toMatch(/^To: a@example\.com, b@example\.com/m);
    expect(sent).toMatch(/Content-Id: <face>/i);
    expect(sent!.replaceAll(/\s/g, '')).toContain(crop.toString('base64').slice(0, 60));
    expect(sent!.replaceAll('=\r\n', '')).toContain('&lt;b&gt;email');
    expect(await deliveriesOf(database, id)).toMatchObject([{ status: 250, outcome: 'delivered' }]);
  });

  it('pagerduty follows the review: trigger, acknowledge, resolve, and trigger again', async () => {
    const { id, raise } = await add('pagerduty', {
      url: `${services.url}/v2/enqueue`,
      credential: 'R'.repeat(32),
    });
    const { alertId } = await raiseWithCrop(raise);
    await untilSettled(database, id, 'delivered');
    const review = async (verb: string, count: number) => {
      await database.rows(`select watchpost.${verb}($1)`, [alertId]);
      const calls = await services.callsOf('/v2/enqueue', count);
      return calls[count - 1]!.content;
    };
    const [trigger] = await services.callsOf('/v2/enqueue', 1);
    expect(trigger!.content).toMatchObject({ event_action: 'trigger', dedup_key: alertId });
    expect(trigger!.content.images[0].src).toMatch(/\/crop$/);
    expect(await review('acknowledge', 2)).toMatchObject({ event_action: 'acknowledge', dedup_key: alertId });
    expect(await review('confirm', 3)).toMatchObject({ event_action: 'resolve', dedup_key: alertId });
    expect(await review('reopen', 4)).toMatchObject({ event_action: 'trigger', dedup_key: alertId });
  });

  it('matrix uploads the crop and shows it in the room', async () => {
    const { id, raise } = await add('matrix', {
      url: services.url,
      credential: 'syt_secret',
      settings: { room_id: '!room:home.example' },
    });
    await raiseWithCrop(raise);
    await untilSettled(database, id, 'delivered');
    const [words, face] = await services.callsOf('m.room.message', 2);
    expect(words!.content.formatted_body).toContain('&lt;b&gt;matrix');
    expect(face!.content).toMatchObject({ url: 'mxc://home.example/1', info: { size: crop.length } });
    const [upload] = await services.callsOf('/media/v3/upload', 1);
    expect(upload!.picture?.equals(crop)).toBe(true);
  });

  it.skipIf(!programs.mosquitto)('mqtt publishes the message and the crop (needs mosquitto)', async () => {
    const broker = await openBroker();
    const { id, raise } = await add('mqtt', { url: broker.url, settings: { topic: 'guards' } });
    const { alertId } = await raiseWithCrop(raise);
    await untilSettled(database, id, 'delivered');
    const told = await until(async () => broker.json('guards/alerts'));
    expect(told).toMatchObject({ type: 'alert.raised', data: { alert_id: alertId } });
    expect(broker.topics.get('guards/alerts/face')?.equals(crop)).toBe(true);
  });

  it.skipIf(!programs.mosquitto)('mqtt has a topic of its own for strangers (needs mosquitto)', async () => {
    const broker = await openBroker();
    await add('mqtt', { url: broker.url, settings: { topic: 'guards' }, watchlists: [] });
    await database.rows(
      `with made as (insert into watchpost.stranger_rule (name) values ('night') returning id),
        camera as (insert into watchpost.camera (name, location) values ('back door', 'Yard') returning id)
       insert into watchpost.stranger_alert (rule_id, camera_id, face_id, seen_at)
       select made.id, camera.id, (select id from watchpost.face where crop is not null limit 1), now() from made, camera`,
    );
    const told = await until(async () => broker.json('guards/strangers'));
    expect(told).toMatchObject({ type: 'unknown.seen', data: { rule: 'night' } });
    expect(broker.topics.has('guards/strangers/face')).toBe(true);
  });

  it('any of them was sent nothing that its service would refuse', () => {
    expect(services.refused).toEqual([]);
  });
});

describe('a test message', () => {
  it('goes with a picture, and the answer says what the service says is wrong, without the credential', async () => {
    const { id } = await add('telegram', {
      url: services.url,
      credential: '1:telegram-secret',
      settings: { chat_id: '-100' },
    });
    expect(await test(id)).toMatchObject({ status: 200, error: null });
    services.answerNext({
      status: 400,
      body: {
        ok: false,
        description: 'Bad Request: chat not found 1:telegram-secret',
        secret: 'of the server',
      },
    });
    expect(await test(id)).toMatchObject({
      status: 400,
      error: 'It answered 400. It said: Bad Request: chat not found ***',
    });
  });

  it('is refused by a mail server with its words', async () => {
    const mail = await openMail('guard', 'right', certificate);
    const { id } = await add('email', {
      url: mail.url,
      credential: 'wrong',
      settings: { from: 'a@example.com', to: 'b@example.com', user: 'guard' },
    });
    expect(await test(id)).toMatchObject({
      status: 535,
      error: 'It answered 535. It said: Wrong password',
    });
  });

  it('of Slack fails also where Slack answers 200', async () => {
    const { id } = await add('slack', {
      url: services.url,
      credential: 'xoxb-secret',
      settings: { channel: 'C1' },
    });
    services.answerNext({ status: 200, body: { ok: false, error: 'missing_scope' } });
    expect(await test(id)).toMatchObject({
      status: 200,
      error: 'It refused files.getUploadURLExternal. It said: missing_scope',
    });
  });
});

describe('a service that asks to be called less often', () => {
  it('is not called before it says', async () => {
    const { id, raise } = await add('ntfy', { url: `${services.url}/ntfy-topic` });
    services.answerNext({ status: 429, body: { error: 'limit reached' }, headers: { 'retry-after': '600' } });
    await raise();
    await until(async () => (await deliveriesOf(database, id)).some((one) => one.outcome === 'failed'));
    const attempts = async () =>
      (
        await database.rows(
          `select h.error from watchpost.handling as h join watchpost.event as e on e.id = h.event_id
           where e.topic = 'notification.due' and e.payload ->> 'endpoint_id' = $1 and h.outcome = 'retry' order by h.id`,
          [id],
        )
      ).map(({ error }) => error);
    await until(async () => {
      await hurry(database);
      return (await attempts()).length >= 2;
    });
    expect((await attempts())[1]).toMatch(/has asked not to be called before 20/);
    expect(await deliveriesOf(database, id), 'nothing was sent meanwhile').toHaveLength(1);
    await database.rows(`update watchpost.endpoint_wait set until = now()`);
    await until(async () => {
      await hurry(database);
      return (await deliveriesOf(database, id)).some((one) => one.outcome === 'delivered');
    });
  });
});

describe('a link in a message', () => {
  const linkOf = async (alertId: string): Promise<string> => {
    const { signLink } = await import('../../src/endpoints/links.ts');
    return `${api.url}/${await signLink(database.db, alertId)}`;
  };

  it('shows the alert and the crop without a key, on record, and nothing else', async () => {
    const { raise } = await add('ntfy', { url: `${services.url}/ntfy-topic` });
    const { alertId, watchlist } = await raiseWithCrop(raise);
    const link = await linkOf(alertId);
    const page = await ask(link, 'GET');
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
    expect(Buffer.from(page.body).toString()).toContain(
      watchlist.replaceAll('<', '&lt;').replaceAll('>', '&gt;'),
    );
    const picture = await ask(`${link}/crop`, 'GET');
    expect(crop.equals(picture.body)).toBe(true);
    const [access] = await database.rows(
      `select actor, action from watchpost.access where actor = 'link' order by id desc limit 1`,
    );
    expect(access).toEqual({ actor: 'link', action: 'crop' });
    expectProblem(await ask(`${api.url}/v1/alerts/${alertId}`, 'GET'), 'key_missing');
  });

  it('ends when it expires, when it is altered, and when its alert is gone', async () => {
    const { raise } = await add('ntfy', { url: `${services.url}/ntfy-topic` });
    const { alertId } = await raise();
    const { signLink } = await import('../../src/endpoints/links.ts');
    const old = await signLink(database.db, alertId, Date.now() - 8 * 86_400_000);
    expectProblem(await ask(`${api.url}/${old}`, 'GET'), 'link_expired');
    const link = await linkOf(alertId);
    const altered = link.replace(/.(?=.$)/, (one) => (one === 'A' ? 'B' : 'A'));
    expectProblem(await ask(altered, 'GET'), 'link_invalid');
    expectProblem(await ask(`${api.url}/links/none`, 'GET'), 'link_invalid');
    expect((await ask(link, 'GET')).status).toBe(200);
    await database.rows('delete from watchpost.alert where id = $1', [alertId]);
    expectProblem(await ask(link, 'GET'), 'link_invalid');
    expectProblem(await ask(`${link}/crop`, 'GET'), 'link_invalid');
  });
});

describe('a credential', () => {
  it('is encrypted where the installation encrypts, at its first use if SQL has added it', async () => {
    const stored = async (name: string) =>
      (
        await database.rows(
          `select watchpost.is_encrypted(c.value) as encrypted, c.value
           from watchpost.endpoint_credential as c join watchpost.endpoint as e on e.id = c.endpoint_id where e.name = $1`,
          [name],
        )
      )[0];
    useEncryptionKey(randomBytes(32));
    atEnd(() => useEncryptionKey(undefined));
    try {
      const { id } = await add('ntfy', {
        name: 'by the API',
        url: `${services.url}/ntfy-topic`,
        credential: 'tk_2',
      });
      expect(await stored('by the API')).toMatchObject({ encrypted: true });
      expect(await test(id)).toMatchObject({ error: null });
      const [{ endpoint_id: row }] = (await database.rows(
        `select * from watchpost.add_endpoint('by SQL', $1, internal => true, kind => 'ntfy', credential => 'tk_3')`,
        [`${services.url}/ntfy-topic`],
      )) as [{ endpoint_id: string }];
      expect(await stored('by SQL')).toEqual({ encrypted: false, value: Buffer.from('tk_3') });
      expect(await test(row)).toMatchObject({ error: null });
      expect(await stored('by SQL')).toMatchObject({ encrypted: true });
      const calls = await services.callsOf('/ntfy-topic', 1);
      expect(calls.slice(-2).map(({ headers }) => headers.authorization)).toEqual([
        'Bearer tk_2',
        'Bearer tk_3',
      ]);
      await database.rows('select watchpost.remove_endpoint($1)', [row]);
      expect(await stored('by SQL')).toBeUndefined();
    } finally {
      useEncryptionKey(undefined);
    }
  });
});
