/** A time to the second, in UTC, for people: 2026-11-23 15:04:05 UTC. Of a column of a view, which is never null here. */
export const utc = (time: Date | null): string =>
  `${(time ?? new Date(0)).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
