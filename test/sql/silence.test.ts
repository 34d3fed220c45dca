import { expect, it } from 'vitest';
import { freshDatabase } from '../support/database.ts';

/** Seconds since a worker's last heartbeat, and since the database started; dead after 20 s. */
const cases = [
  { lastSeen: 10, awake: 3_600, silent: false },
  { lastSeen: 21, awake: 3_600, silent: true },
  // After an outage of the database each process gets time for a heartbeat, however long it was silent.
  { lastSeen: 600, awake: 5, silent: false },
  // But no more than two heartbeats' time: a second restart must not keep the dead alive for a minute.
  { lastSeen: 40, awake: 11, silent: true },
];

it.each(cases)(
  'last heartbeat $lastSeen s ago, database up for $awake s: dead is $silent',
  async ({ lastSeen, awake, silent }) => {
    const database = await freshDatabase();
    const [row] = await database.rows(
      `select watchpost.is_silent(
       now() - make_interval(secs => $1), interval '20 seconds', now() - make_interval(secs => $2)
     ) as silent`,
      [lastSeen, awake],
    );
    expect(row.silent).toBe(silent);
  },
);
