import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { WatchpostError } from '../errors.ts';
import { type Stage, settle } from './stage.ts';

const payload = z.object({ alert_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** alert.raised -> notification: chooses the endpoints to send an alert to, and writes a message for each. */
export const notify: Stage<Payload, null> = {
  task: 'notify',
  payload,

  async work(items, { database }) {
    const alerts = await database.db
      .selectFrom('watchpost.alert')
      .select('id')
      .where('id', '=', anyOf(items.map((item) => item.alert_id)))
      .execute();
    const known = new Set(alerts.map((alert) => alert.id));
    return items.map((item) =>
      settle(() => {
        if (!known.has(item.alert_id))
          throw new WatchpostError('row_missing', `The alert ${item.alert_id} is gone.`);
        return null;
      }),
    );
  },

  write: {
    call: 'watchpost.write_notifications',
    parameters: (finished) => [
      finished.map(({ item }) => item.event_id),
      finished.map(({ item }) => item.alert_id),
    ],
  },
};
