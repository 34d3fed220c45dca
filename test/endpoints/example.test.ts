import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';
import { beforeAll, describe, expect, it } from 'vitest';
import { raiseAlert } from '../support/alerts.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { realVision, runWorker } from '../support/pipeline.ts';
import { startNode } from '../support/processes.ts';
import { addEndpoint, deliveriesOf, untilSettled } from './support.ts';

const file = fileURLToPath(new URL('../../examples/receive-alerts.mjs', import.meta.url));

describe('examples/receive-alerts.mjs', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });

  /** Starts it with this secret; gives its process and address. */
  const receive = async (secret: string, port = '0') => {
    const receiver = startNode([file], { WEBHOOK_SECRET: secret, PORT: port });
    const [, url = ''] = await receiver.says(/listening on (\S+)/);
    return { receiver, url };
  };
  const send = (url: string, secret: string, body: string, sentAt = new Date(), id = 'msg_1') =>
    fetch(url, {
      method: 'POST',
      body,
      headers: {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': new Webhook(secret).sign(id, sentAt, body),
      },
    });

  it('accepts a real alert of a real worker', async () => {
    // The endpoint needs an address before the receiver listens, and the receiver needs the endpoint's secret: a placeholder first.
    const { id, secret } = await addEndpoint(database, { name: 'guards', url: 'http://127.0.0.1:8080/' });
    const { receiver, url } = await receive(secret);
    await database.rows('update watchpost.endpoint set url = $2 where id = $1', [id, url]);
    await runWorker(database, await realVision());
    const { alertId } = await raiseAlert(database);
    await untilSettled(database, id, 'delivered');
    expect(receiver.output).toContain('alert.raised: {');
    expect(receiver.output).toContain(alertId);
    expect(await deliveriesOf(database, id)).toMatchObject([{ status: 204 }]);
  });

  it('refuses a wrong signature, an altered body and an old timestamp, and recognises a repeated message', async () => {
    const [{ secret }, { secret: other }] = (await database.rows(
      'select watchpost.make_secret() as secret from generate_series(1, 2)',
    )) as [{ secret: string }, { secret: string }];
    const { receiver, url } = await receive(secret);
    const body = JSON.stringify({ type: 'test', data: { n: 1 } });
    expect((await send(url, other, body)).status).toBe(401);
    const signed = new Webhook(secret).sign('msg_1', new Date(), '{}');
    const altered = await fetch(url, {
      method: 'POST',
      body,
      headers: {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
        'webhook-signature': signed,
      },
    });
    expect(altered.status).toBe(401);
    const old = await send(url, secret, body, new Date(Date.now() - 6 * 60_000));
    expect([old.status, await old.text()]).toEqual([401, expect.stringMatching(/too old/)]);
    expect(receiver.output).not.toContain('test: ');
    expect((await send(url, secret, body)).status).toBe(204);
    expect((await send(url, secret, body)).status).toBe(204);
    expect(receiver.output.match(/^test: \{"n":1\}$/gm)).toHaveLength(1);
    expect(receiver.output).toContain('again: msg_1');
  });
});
