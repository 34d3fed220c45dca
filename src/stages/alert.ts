import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { type Replayable, type Stage, settle } from './stage.ts';

const payload = z.object({ match_id: z.uuid() });
type Payload = z.infer<typeof payload>;

/** match.found -> alert: opens an episode for a person at a place, or extends the one that is going on. */
export const alert: Stage<Payload, null> & Replayable<Payload, null> = {
  task: 'alert',
  payload,

  async work(items, { database }) {
    const matches = await database.db
      .selectFrom('watchpost.match')
      .select('id')
      .where(
        'id',
        'in',
        items.map((item) => item.match_id),
      )
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
      .where(
        'match_id',
        'in',
        finished.map(({ item }) => item.match_id),
      )
      .execute();
    const known = new Set(alerted.map((row) => row.match_id));
    return finished.map(({ item }) => {
      const same = known.has(item.match_id);
      return { same, gained: same ? 0 : 1, lost: 0 };
    });
  },

  // An alert is never replaced: a match that has one keeps it.
  async supersede() {},
};
