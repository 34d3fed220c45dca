import type { TestDatabase } from './database.ts';

/** Every row that says who was seen where and what was decided about it; times as text, to the microsecond. */
export const everything = async (database: TestDatabase) => {
  const rows = async (from: string) =>
    (await database.rows(`select to_jsonb(r) as row from ${from} as r`))
      .map(({ row }) => JSON.stringify(row))
      .toSorted();
  return {
    alerts: await rows('watchpost.alert'),
    sightingsOfAlerts: await rows('watchpost.alert_match'),
    matches: await rows('(select * from watchpost.match where superseded_at is null)'),
    searches: await rows('(select * from watchpost.search where superseded_at is null)'),
    links: await rows('watchpost.cannot_link'),
    entries: await rows('watchpost.watchlist_entry'),
    lastSeen: await rows('watchpost.last_seen'),
  };
};
