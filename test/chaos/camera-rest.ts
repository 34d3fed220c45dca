import type pg from 'pg';
import { topics } from './camera-checks.ts';
import { untilSettled } from './checker.ts';
import type { Others } from './messages.ts';

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Waits for something; false if the time was up first. */
export const within = async (ms: number, isSo: () => boolean | Promise<boolean>): Promise<boolean> => {
  const until = Date.now() + ms;
  while (Date.now() < until) {
    if (await isSo()) return true;
    await sleep(200);
  }
  return false;
};

/** Resolves to the seconds until nothing is under way anywhere; undefined: the time was up first. */
export const untilQuiet = async (
  pool: pg.Pool,
  withinMs: number,
  { others, left }: { others: Others | undefined; left: () => Promise<number> },
): Promise<number | undefined> => {
  const begun = Date.now();
  const rest = () => withinMs - (Date.now() - begun);
  const areAllHere = async () => {
    const { rows } = await pool.query<{ here: number }>(
      `select count(*)::integer as here from unnest($1::text[]) as m (key)
       where exists (select from watchpost.image as i where i.idempotency_key = m.key)
          or exists (select from watchpost.bridge_refusal as r where r.message_id = m.key)`,
      [others?.sent.map(({ key }) => key) ?? []],
    );
    return rows[0]?.here === (others?.sent.length ?? 0);
  };
  const areAllOut = async () => {
    const seen = new Set(others?.delivered.map(({ id }) => id));
    const { rows } = await pool.query<{ id: string }>(
      'select id from watchpost.event where topic = any ($1)',
      [topics],
    );
    return !others || rows.every(({ id }) => seen.has(id));
  };
  const isQuiet =
    (await within(rest(), () => others?.isConfirmed ?? true)) &&
    (await within(rest(), async () => (await left()) === 0)) &&
    (await within(rest(), areAllHere)) &&
    (await untilSettled(pool, rest())) !== undefined &&
    (await within(rest(), areAllOut));
  return isQuiet ? (Date.now() - begun) / 1000 : undefined;
};

/** The frames that became images, as photos that were sent: only the watcher chooses their idempotency keys. */
export const keysOf = async (pool: pg.Pool, frames: readonly { sha256: string; faces: number | null }[]) => {
  const faces = new Map(frames.map((frame) => [frame.sha256, frame.faces]));
  const { rows } = await pool.query<{ key: string; sha256: string }>(
    `select i.idempotency_key as key, encode(i.sha256, 'hex') as sha256 from watchpost.image as i where i.purpose = 'probe'`,
  );
  return rows.flatMap(({ key, sha256 }) => {
    const count = faces.get(sha256);
    return count === undefined ? [] : [{ key, sha256, faces: count }];
  });
};
