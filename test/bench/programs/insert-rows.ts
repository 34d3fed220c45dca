import { build } from 'hdr-histogram-js';
import pg from 'pg';
import { report, sayReady, settings } from '../program.ts';

/** Clients that insert one row after another for a while, each in its own transaction. */
const { url, statement, clients, seconds } = settings<{
  url: string;
  statement: string;
  clients: number;
  seconds: number;
}>();

/** A photo as small as can be: what a row costs is to be seen, not what bytes cost. */
const photo = Buffer.alloc(100, 'photo');

const connections = await Promise.all(
  Array.from({ length: clients }, async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    return client;
  }),
);
// In microseconds.
const histogram = build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000 });
sayReady();
let done = 0;
const begun = Date.now();
const until = begun + seconds * 1000;
await Promise.all(
  connections.map(async (client) => {
    while (Date.now() < until) {
      const start = performance.now();
      await client.query({ name: 'insert', text: statement, values: [photo] });
      histogram.recordValue(Math.round((performance.now() - start) * 1000));
      done += 1;
    }
  }),
);
const ended = Date.now();
await Promise.all(connections.map((client) => client.end()));
const ms = (percentile: number) => histogram.getValueAtPercentile(percentile) / 1000;
report({ begun, ended, done, latency: { p50: ms(50), p95: ms(95), p99: ms(99) } });
