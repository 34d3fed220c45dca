import { z } from 'zod';
import { anyOf } from '../database/any-of.ts';
import { WatchpostError } from '../errors.ts';
import { type Replayable, type Stage, settle } from './stage.ts';

const payload = z.object({ match_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** match.found -> alert: opens an alert for the sighting of a person at a place, or extends the one that is open. */
export const alert: Stage<Payload, null> & Replayable<Payload, null> = {
  task: 'alert',
  payload,

  async work(items, { database }) {
    const matches = await database.db
      .selectFrom('watchpost.match')
      .select('id')
      .where('id', '=', anyOf(items.map((item) => item.match_id)))
      .execute();
    const known = new Set(matches.map((match) => match.id));
    return items.map((item) =>
      settle(() => {
        if (!known.has(item.match_id))
          throw new WatchpostError('row_missing', `The match ${item.match_id} is gone.`);
        return null;
      }),
    );
  },

  write: {
    call: 'watchpost.write_alerts',
    parameters: (finished) => [
      finished.map(({ item }) => item.event_id),
      finished.map(({ item }) => item.match_id),
    ],
  },

  async compare(db, finished) {
    const alerted = await db
      .selectFrom('watchpost.alert_match')
      .select('match_id')
      .where('match_id', '=', anyOf(finished.map(({ item }) => item.match_id)))
      .execute();
    const known = new Set(alerted.map((row) => row.match_id));
    return finished.map(({ item }) => {
      const same = known.has(item.match_id);
      return { same, gained: same ? 0 : 1, lost: 0 };
    });
  },

  // Nothing to supersede: a match that has an alert keeps it.
  async supersede() {},
};
