import { createServer } from 'node:net';
import { pino } from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { atEnd } from '../support/at-end.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision, runWorker } from '../support/pipeline.ts';
import { until } from '../support/until.ts';
import {
  addEndpoint,
  answering,
  deliveriesOf,
  hurry,
  notificationsOf,
  openReceiver,
  type Receiver,
  untilSettled,
  verifies,
} from './support.ts';

let database: TestDatabase;
/** The log of the worker, from warnings on. */
const logged: Record<string, unknown>[] = [];
beforeAll(async () => {
  database = await freshDatabase();
  const log = pino({ level: 'warn', base: null }, { write: (line) => logged.push(JSON.parse(line)) });
  await runWorker(database, await realVision(), { log });
});

/** Adds a list with an endpoint, and returns a function that raises alerts of that list. */
const addListAndEndpoint = async (url: string) => {
  const [list] = await database.rows(
    `insert into watchpost.watchlist (name) values (watchpost.uuidv7()::text) returning id`,
  );
  const endpoint = await addEndpoint(database, { name: `endpoint ${list.id}`, url, watchlistId: list.id });
  const raise = () => raiseAlert(database, { watchlistId: list.id });
  return { ...endpoint, raise };
};
const untilTried = (endpointId: string, count: number) =>
  until(async () => {
    const deliveries = await deliveriesOf(database, endpointId);
    return deliveries.filter((one) => one.outcome !== 'unfinished').length >= count && deliveries;
  });
/** Makes all later attempts due at once, until the endpoint has had so many. */
const untilHurried = (endpointId: string, count: number) =>
  until(async () => {
    await hurry(database);
    const deliveries = await deliveriesOf(database, endpointId);
    return deliveries.filter((one) => one.outcome !== 'unfinished').length >= count && deliveries;
  });

describe('a message', () => {
  it('is signed with both secrets during a rotation, and then with the new one', async () => {
    const receiver = await openReceiver();
    const { id, secret: first, raise } = await addListAndEndpoint(receiver.url);
    const rotate = async (keep: string) =>
      (await database.rows('select * from watchpost.rotate_secret($1, $2)', [id, keep]))[0].secret;
    const second = await rotate('1 day');
    await raise();
    const [during] = await receiver.has(1);
    expect(during!.headers['webhook-signature']).toMatch(/^v1,[\w+/=]{44} v1,[\w+/=]{44}$/);
    expect([verifies(during!, first), verifies(during!, second)]).toEqual([true, true]);

    const third = await rotate('0');
    await raise();
    const after = (await receiver.has(2))[1]!;
    expect([first, second, third].map((secret) => verifies(after, secret))).toEqual([false, false, true]);
    const kept = await database.rows(
      'select slot from watchpost.endpoint_secret where endpoint_id = $1 order by slot',
      [id],
    );
    expect(kept, 'two at most').toEqual([{ slot: 'current' }, { slot: 'previous' }]);
  });

  it('that fails is retried until it is accepted, each attempt a row, all with one id and body', async () => {
    const receiver = await openReceiver();
    const { id, raise } = await addListAndEndpoint(receiver.url);
    receiver.answer = answering(500, 'out of order');
    await raise();
    await untilTried(id, 1);
    receiver.answer = answering(429);
    await untilHurried(id, 2);
    receiver.answer = answering(200, 'thank you');
    await untilHurried(id, 3);
    const [notification] = await untilSettled(database, id, 'delivered');
    expect(await deliveriesOf(database, id)).toEqual([
      {
        attempt: 1,
        outcome: 'failed',
        status: 500,
        error: 'It answered 500.',
        notification_id: notification.id,
      },
      {
        attempt: 2,
        outcome: 'failed',
        status: 429,
        error: 'It answered 429.',
        notification_id: notification.id,
      },
      {
        attempt: 3,
        outcome: 'delivered',
        status: 200,
        error: null,
        notification_id: notification.id,
      },
    ]);
    const sent = receiver.received.map(({ headers, body }) => [headers['webhook-id'], body]);
    expect(new Set(sent.map(String)).size).toBe(1);
    expect(sent[0]![0]).toBe(notification.id);
    const handled = await database.rows(
      `select h.outcome, h.code from watchpost.handling as h join watchpost.event as e on e.id = h.event_id
       where e.subject_id = $1 order by h.id`,
      [notification.id],
    );
    expect(handled).toEqual([
      { outcome: 'retry', code: 'delivery_failed' },
      { outcome: 'retry', code: 'delivery_failed' },
      { outcome: 'done', code: null },
    ]);
  });

  it('that is never accepted becomes a dead letter after twelve attempts, and can be replayed', async () => {
    const receiver = await openReceiver();
    const { id, raise } = await addListAndEndpoint(receiver.url);
    receiver.answer = answering(503);
    await raise();
    await untilHurried(id, 12);
    const [letter] = await until(async () => {
      const letters = await database.rows(
        `select id, code, error, attempts from watchpost.dead_letter where payload->>'endpoint_id' = $1`,
        [id],
      );
      return letters.length > 0 && letters;
    });
    expect(letter).toMatchObject({
      code: 'delivery_failed',
      error: expect.stringMatching(/^The endpoint .+ did not take alert [\da-f-]{36}\. It answered 503\.$/),
      attempts: 12,
    });
    expect(receiver.received).toHaveLength(12);
    // Each failed attempt is one whole line of the log, with what it is about.
    const lines = logged.filter(({ reason }) => reason === letter.error);
    const [notification] = await notificationsOf(database, id);
    expect(lines.map(({ task, attempt, level, code }) => ({ task, attempt, level, code }))).toEqual(
      Array.from({ length: 12 }, (_, n) => ({
        task: 'deliver',
        attempt: n + 1,
        level: n < 11 ? 40 : 50,
        code: 'delivery_failed',
      })),
    );
    expect(lines[0]).toMatchObject({
      event_id: expect.any(String),
      alert_id: expect.any(String),
      notification_id: notification.id,
    });
    expect(await notificationsOf(database, id)).toMatchObject([{ state: 'due' }]);
    receiver.answer = answering(204);
    await database.rows('select watchpost.replay($1)', [letter.id]);
    await untilSettled(database, id, 'delivered');
    expect((await deliveriesOf(database, id)).map((row) => row.attempt)).toEqual(
      Array.from({ length: 13 }, (_, n) => n + 1),
    );
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set([notification.id]),
    );
  });

  it('does not follow a redirect', async () => {
    const [front, behind] = [await openReceiver(), await openReceiver()];
    const { id, raise } = await addListAndEndpoint(front.url);
    front.answer = answering(307, '', { location: behind.url });
    await raise();
    const [delivery] = await untilTried(id, 1);
    expect(delivery).toMatchObject({ status: 307, error: expect.stringMatching(/307.*not followed/) });
    expect(behind.received).toEqual([]);
  });

  it('is not retried after 410 Gone, which disables the endpoint and is recorded', async () => {
    const receiver = await openReceiver();
    const { id, raise } = await addListAndEndpoint(receiver.url);
    receiver.answer = answering(410);
    await raise();
    await untilSettled(database, id, 'gone');
    expect(
      await database.rows('select enabled, disabled_reason from watchpost.endpoint where id = $1', [id]),
    ).toEqual([{ enabled: false, disabled_reason: 'It answered 410 Gone.' }]);
    const changes = await database.rows(
      `select payload->>'change' as change from watchpost.event
       where topic = 'endpoint.changed' and subject_id = $1 order by id`,
      [id],
    );
    expect(changes).toEqual([{ change: 'added' }, { change: 'disabled' }]);
    expect(receiver.received).toHaveLength(1);
  });

  it('counts by the status of an endless response, which is cut off', async () => {
    const receiver = await openReceiver();
    const { id, raise } = await addListAndEndpoint(receiver.url);
    let cutOff = false;
    receiver.answer = (response) => {
      response.writeHead(200);
      const pour = () => {
        while (response.write('x'.repeat(65_536)));
      };
      response.on('drain', pour).on('close', () => {
        cutOff = true;
      });
      pour();
    };
    await raise();
    await untilSettled(database, id, 'delivered');
    await until(async () => cutOff);
  });

  it('to a closed port fails with the reason, and without the URL', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const { id, raise } = await addListAndEndpoint(`http://127.0.0.1:${port}/hook?token=abc`);
    await raise();
    const [delivery] = await untilTried(id, 1);
    expect(delivery).toMatchObject({
      status: null,
      error: 'It could not be reached: ECONNREFUSED.',
    });
  });
});

describe('an endpoint that hangs', () => {
  /** Accepts requests and never answers. */
  const hang: Receiver['answer'] = () => {};

  it('delays neither other endpoints nor the pipeline, and gets one message at a time', async () => {
    const [hanging, healthy] = [await openReceiver(), await openReceiver()];
    hanging.answer = hang;
    const [stuck, well] = [await addListAndEndpoint(hanging.url), await addListAndEndpoint(healthy.url)];
    for (let n = 0; n < 6; n++) await stuck.raise();
    await hanging.has(1);
    // More alerts than job slots; all of them are delivered while the first attempt is still waiting.
    for (let n = 0; n < 6; n++) await well.raise();
    await untilSettled(database, well.id, 'delivered', 6);
    expect(hanging.received).toHaveLength(1);
    expect(await deliveriesOf(database, stuck.id)).toMatchObject([{ attempt: 1, outcome: 'unfinished' }]);

    const tried = await untilTried(stuck.id, 1);
    expect(tried[0]).toMatchObject({
      outcome: 'failed',
      status: null,
      error: 'There was no answer within 10 s.',
    });
    hanging.answer = answering(204);
    await database.rows('select watchpost.remove_endpoint($1)', [stuck.id]);
  });
});

describe('a server that closes the connection', () => {
  it('counts as unreachable', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(() => server.close());
    const { id, raise } = await addListAndEndpoint(
      `http://127.0.0.1:${(server.address() as { port: number }).port}/`,
    );
    await raise();
    const [delivery] = await untilTried(id, 1);
    expect(delivery).toMatchObject({
      status: null,
      error: expect.stringMatching(/^It could not be reached: /),
    });
  });
});
