import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { now, type WatchedServer } from './watched-server.ts';

/** What became of one photo; times in ms. */
export interface Arrival {
  readonly image: string;
  /** When it was to be sent, since 1970. */
  readonly due: number;
  /** From the moment at which it was to be sent until its alert arrived on the stream. */
  readonly total: number;
  /** Of that, what the vision calls took. */
  readonly compute: number;
}

/** When the photos of a run are to be sent, in ms from its beginning. */
export type Timetable = readonly number[];

/** As cameras send their frames. */
export const evenly = (count: number, aSecond: number): Timetable =>
  Array.from({ length: count }, (_, n) => (n * 1000) / aSecond);

/** As people come by: a Poisson process, the same one each time. */
export const byChance = (count: number, aSecond: number): Timetable => {
  // A linear congruential generator (Numerical Recipes), so that rounds differ by nothing but the machine.
  let state = 20_261_123;
  let at = 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    at -= (Math.log((state + 0.5) / 2 ** 32) * 1000) / aSecond;
    return at;
  });
};

let runs = 0;

/**
 * Sends photos at their times, whether or not the ones before have been answered, each before a camera of its own, so that
 * each raises an alert of its own; waits until all have.
 *
 * Time counts from when a photo was to be sent: one that is sent late because its sender was held up was still waited for.
 */
export const submitAt = async (
  server: WatchedServer,
  client: pg.Client,
  photos: readonly Uint8Array[],
  timetable: Timetable,
): Promise<Arrival[]> => {
  const run = ++runs;
  const nameOf = (n: number) => `r${run}-${n}`;
  await client.query(
    `insert into watchpost.camera (name, location) select n, n from unnest($1::text[]) as n`,
    [timetable.map((_, n) => nameOf(n))],
  );
  await server.compute();
  server.alerts.clear();
  const begun = now() + 100;
  const images = await Promise.all(
    timetable.map(async (at, n) => {
      await sleep(begun + at - now());
      return server.post(photos[n % photos.length]!, nameOf(n));
    }),
  );
  while (server.alerts.size < images.length) {
    if (now() > Math.max(begun, ...server.alerts.values()) + patience)
      throw new Error(`${images.length} photos raised ${server.alerts.size} alerts.`);
    await sleep(20);
  }
  const compute = await server.compute();
  return images.map((image, n) => ({
    image,
    due: begun + timetable[n]!,
    total: server.alerts.get(nameOf(n))! - begun - timetable[n]!,
    compute: compute.get(image)!,
  }));
};

/** Milliseconds after which no further alert is waited for. */
const patience = 30_000;
