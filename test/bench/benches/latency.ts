import { build } from 'hdr-histogram-js';
import type pg from 'pg';
import { type Arrival, byChance, evenly, submitAt, type Timetable } from '../arrivals.ts';
import type { Bench, Comparison, Figures } from '../bench.ts';
import { samplePhotos } from '../known-photos.ts';
import { startWatchedServer, type WatchedServer } from '../watched-server.ts';

/**
 * Who is enrolled from each sample photo, which face from the left: somebody in full view and below 0.35 to everybody in
 * the others, so that a photo raises one alert.
 */
const enrolled = [1, 3, 1, 3, 1, 4];

/** Photos of one run: 45 s at one a second; at 70% of capacity some 20 s. */
const photosOf = { slow: 45, busy: 200, capacity: 80 };

/** Milliseconds from a POST to the arrival of its alert on the stream, beyond what the vision code takes. */
export const latency: Bench = {
  name: 'latency',
  measures: 'POST to the alert on the stream, API and worker in one process, six sample photos, ms',
  against: 'what the vision calls for the same photos took, as they ran',
  async prepare(server) {
    const url = await server.database('bench_latency', true);
    const client = await server.client(url);
    const watched = await startWatchedServer(url);
    const photos = (await samplePhotos()).map(({ bytes }) => bytes);
    const end = async () => {
      await watched.end();
      await client.end();
      await server.drop('bench_latency');
    };
    try {
      await enrol(client, photos);
      // Compiled, planned, cached.
      await submitAt(watched, client, photos, evenly(12, 4));
    } catch (error) {
      await end();
      throw error;
    }

    let capacity = 0;
    /** 70% of what it has just been found to do. */
    const busy = async (spread: typeof evenly): Promise<Timetable> => {
      capacity = await capacityOf(watched, client, photos);
      return spread(photosOf.busy, 0.7 * capacity);
    };
    const at = (load: string, timetable: () => Promise<Timetable>, judge: boolean): Comparison =>
      comparisonOf(load, judge, async () => {
        const arrivals = await submitAt(watched, client, photos, await timetable());
        return { arrivals, steps: { ...(await stepsOf(client, arrivals)), capacity } };
      });
    return {
      comparisons: [
        at('1/s', async () => evenly(photosOf.slow, 1), true),
        at('70%, evenly', () => busy(evenly), true),
        // Photos that come together wait for each other, whoever handles them: reported.
        at('70%, by chance', () => busy(byChance), false),
      ],
      end,
    };
  },
};

/**
 * Compares the whole time of photos with the time of their vision calls.
 *
 * @param judge whether there are targets.
 * @param submit submits the photos of one run.
 */
const comparisonOf = (
  load: string,
  judge: boolean,
  submit: () => Promise<{ arrivals: readonly Arrival[]; steps: Figures }>,
): Comparison => {
  let compute: Figures = {};
  return {
    rounds: 3,
    async ours() {
      const { arrivals, steps } = await submit();
      compute = {
        ...percentiles('total', arrivals, (one) => one.compute),
        overhead_p50: 0,
        overhead_p95: 0,
      };
      return {
        ...percentiles('total', arrivals, (one) => one.total),
        ...percentiles('overhead', arrivals, (one) => one.total - one.compute),
        ...steps,
      };
    },
    theirs: async () => compute,
    judged: [
      { what: `${load}: p50`, figure: 'total_p50', target: null },
      { what: `${load}: p95`, figure: 'total_p95', target: null },
      { what: `${load}: beyond p50`, figure: 'overhead_p50', target: judge ? { atMost: 25 } : null },
      { what: `${load}: beyond p95`, figure: 'overhead_p95', target: judge ? { atMost: 80 } : null },
    ].map((one) => ({ ...one, unit: 'ms', by: 'difference' })),
  };
};

/** One person from each photo, on one list. */
const enrol = async (client: pg.Client, photos: readonly Uint8Array[]): Promise<void> => {
  await client.query(`insert into watchpost.watchlist (name) values ('bench')`);
  for (const [index, photo] of photos.entries()) {
    await client.query(
      `with person as (insert into watchpost.person (name) values ($1) returning id)
       insert into watchpost.watchlist_entry (watchlist_id, person_id)
       select w.id, p.id from person as p cross join watchpost.watchlist as w`,
      [`Person ${index + 1}`],
    );
    await client.query(
      `select from watchpost.person as p cross join lateral watchpost.add_person_photo(p.id, $2, $3::smallint)
       where p.name = $1`,
      [`Person ${index + 1}`, photo, enrolled[index]],
    );
  }
  for (;;) {
    const { rows } = await client.query<{ done: number; failed: string | null }>(
      `select count(*) filter (where state = 'enrolled')::int as done, min(code) as failed from watchpost.photo_status`,
    );
    if (rows[0]!.failed) throw new Error(`Somebody was not enrolled: ${rows[0]!.failed}`);
    if (rows[0]!.done === photos.length) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

/**
 * Photos a second of many that come at once: from the moment the first is sent to the last alert. Not from the first alerts
 * on: by then photos that come later have their detection behind them, and 14 photos a second look like 20.
 */
const capacityOf = async (
  server: WatchedServer,
  client: pg.Client,
  photos: readonly Uint8Array[],
): Promise<number> => {
  const arrivals = await submitAt(server, client, photos, evenly(photosOf.capacity, 1000));
  const [first] = arrivals;
  return (arrivals.length * 1000) / Math.max(...arrivals.map(({ due, total }) => due + total - first!.due));
};

const percentiles = (name: string, arrivals: readonly Arrival[], of: (one: Arrival) => number): Figures => {
  // In microseconds.
  const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 600_000_000 });
  for (const arrival of arrivals) histogram.recordValue(Math.max(0, Math.round(of(arrival) * 1000)));
  const ms = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
  return { [`${name}_p50`]: ms(50), [`${name}_p95`]: ms(95), [`${name}_max`]: histogram.maxValue / 1000 };
};

/**
 * Where the time goes, as medians. `posted`: until the photo's event is written; by task, how long its event waits until it
 * is begun, and its handling; `streamed`: from the alert's row until it arrives. `row_p50`, `row_p95`: what the time until
 * the alert's row has beyond the vision calls.
 */
const stepsOf = async (client: pg.Client, arrivals: readonly Arrival[]): Promise<Figures> => {
  const { rows } = await client.query<{
    image: string;
    task: string;
    waited: number;
    took: number;
    written: number;
  }>(
    `select
       e.image_id as image, h.task, 1000 * extract(epoch from h.created_at)::float as written, h.duration_ms as took,
       1000 * extract(epoch from h.started_at - e.created_at)::float as waited
     from watchpost.event as e
     join watchpost.handling as h on h.event_id = e.id
     where e.image_id = any ($1) and h.task in ('detect', 'embed', 'match', 'alert')`,
    [arrivals.map(({ image }) => image)],
  );
  const by = Map.groupBy(rows, ({ task }) => task);
  const steps = [...by].flatMap(([task, some]) => [
    [`${task}_waited`, median(some.map(({ waited }) => waited))],
    [`${task}_took`, median(some.map(({ took }) => took))],
  ]);
  const received = new Map(by.get('detect')!.map((row) => [row.image, row.written - row.took - row.waited]));
  const alerted = new Map(by.get('alert')!.map((row) => [row.image, row.written]));
  const { overhead_p50, overhead_p95 } = percentiles(
    'overhead',
    arrivals,
    ({ image, due, compute }) => alerted.get(image)! - due - compute,
  );
  return {
    posted: median(arrivals.map(({ image, due }) => received.get(image)! - due)),
    ...Object.fromEntries(steps),
    streamed: median(arrivals.map(({ image, due, total }) => due + total - alerted.get(image)!)),
    row_p50: overhead_p50!,
    row_p95: overhead_p95!,
  };
};

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
