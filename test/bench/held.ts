import type pg from 'pg';

/** Events a second, each of a statement and a transaction of its own. */
export const rate = 300;

/** Seconds before the snapshot is taken, and for which it is held. */
export const calm = 60;
export const held = Number(process.env.WATCHPOST_BENCH_HELD_SECONDS ?? 300);

/** Seconds of one window; the first one ends when the snapshot is taken, the last one when it is given up. */
const windowSeconds = 30;

/** One event that was handled: the window in which it was written, when it was done and how long after it was written. */
export interface Done {
  readonly window: string;
  readonly doneAt: number;
  readonly ms: number;
}

/** `before`, `held_30`, `held_60` and so on, or an empty name for what is not counted. */
const windowAt = (second: number): string => {
  if (second >= calm - windowSeconds && second < calm) return 'before';
  if (second < calm) return '';
  return `held_${(Math.floor((second - calm) / windowSeconds) + 1) * windowSeconds}`;
};

/** The last window in which the snapshot is held. */
export const lastWindow = windowAt(calm + held - 1);

/** 95th percentile in ms of each window, and the events a second that were done within its time span. */
export const windowsOf = (done: readonly Done[]): Record<string, number> => {
  const figures: Record<string, number> = {};
  const byWindow = Map.groupBy(done, ({ window }) => window);
  for (const [window, some] of byWindow) {
    if (window === '') continue;
    const ms = some.map((one) => one.ms).sort((a, b) => a - b);
    figures[`${window}_p50`] = ms[Math.floor(ms.length * 0.5)]!;
    figures[`${window}_p95`] = ms[Math.floor(ms.length * 0.95)]!;
    const begun = Math.min(...some.map(({ doneAt, ms: waited }) => doneAt - waited));
    const within = done.filter(({ doneAt }) => doneAt >= begun && doneAt < begun + windowSeconds * 1000);
    figures[`${window}_rate`] = within.length / windowSeconds;
  }
  return figures;
};

/** Writes events at the rate, one statement each, for as long as the bench runs; who is late catches up at once. */
export const writePaced = async (write: (n: number, window: string) => Promise<void>): Promise<void> => {
  const begun = Date.now();
  for (let n = 0; n < rate * (calm + held); n++) {
    const due = begun + (n * 1000) / rate;
    if (due > Date.now()) await new Promise((resolve) => setTimeout(resolve, due - Date.now()));
    await write(n, windowAt(n / rate));
  }
};

/** A transaction that keeps vacuum from removing anything; with locks, as pg_dump has them on each table. */
export const holdSnapshot = async (client: pg.Client, withLocks: boolean): Promise<void> => {
  await client.query('begin isolation level repeatable read');
  await client.query('select from pg_class limit 1');
  if (!withLocks) return;
  const { rows } = await client.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname in ('watchpost', 'watchpost_history', 'graphile_worker')`,
  );
  if (rows.length > 0)
    await client.query(`lock table ${rows.map(({ name }) => name).join(', ')} in access share mode`);
};
