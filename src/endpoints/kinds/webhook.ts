import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import type { Kind } from './kind.ts';

/** A server that takes signed POSTs, by Standard Webhooks. Of what it answers nothing but the status is read. */
export const webhook: Kind = {
  settings: z.strictObject({}),
  credential: 'none',
  hasPicture: false,
  async send({ id, body }, { url, secrets }, { ask }) {
    const now = new Date();
    const { status } = await ask(url, {
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
        'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
      },
      body,
    });
    return status;
  },
};
