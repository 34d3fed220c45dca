import { writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { type Bench, type Compared, compare, type Outcome } from './bench.ts';
import { backfill } from './benches/backfill.ts';
import { bulk } from './benches/bulk.ts';
import { camerasBench } from './benches/cameras.ts';
import { embedded } from './benches/embedded.ts';
import { eventsBench } from './benches/events.ts';
import { fair } from './benches/fair.ts';
import { grown } from './benches/grown.ts';
import { heldSnapshot } from './benches/held-snapshot.ts';
import { latency } from './benches/latency.ts';
import { pipeline } from './benches/pipeline.ts';
import { scale } from './benches/scale.ts';
import { search } from './benches/search.ts';
import { soak } from './benches/soak.ts';
import { submit } from './benches/submit.ts';
import { visionBench } from './benches/vision.ts';
import { startBenchServer } from './server.ts';

/**
 * npm run bench -- [NAME...] [--json] [--check] [--rounds 5] [--out bench.json] [--pg-bin FOLDER]
 *   [--photos FOLDER] [--keep FOLDER]
 *
 * Runs the benches named, or all, against a Postgres of its own with fsync on, and prints ratios: what the machine is, and
 * what else it does, is in both sides of them.
 */
const benches: readonly Bench[] = [
  eventsBench,
  submit,
  bulk,
  pipeline,
  visionBench,
  latency,
  fair,
  camerasBench,
  heldSnapshot,
  search,
  backfill,
  grown,
  scale,
  soak,
  embedded,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    out: { type: 'string', default: 'bench.json' },
    'pg-bin': { type: 'string' },
    photos: { type: 'string' },
    keep: { type: 'string' },
  },
});
const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name));
const rounds = Number(values.rounds);
if (unknown.length > 0 || !(Number.isInteger(rounds) && rounds > 0)) {
  console.error(
    unknown.length > 0
      ? `There is no bench ${unknown.join(', ')}: ${benches.map((bench) => bench.name).join(', ')}.`
      : '--rounds takes a whole number from 1.',
  );
  process.exit(1);
}

const chosen = positionals.length > 0 ? benches.filter((one) => positionals.includes(one.name)) : benches;
const server = await startBenchServer(values['pg-bin']);
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void server.end().finally(() => process.exit(130)));
}
if (!values.json) console.log(`${cpus().length} cores of ${cpus()[0]?.model}, PostgreSQL ${server.version}`);
const results: (Compared & { bench: string })[] = [];
try {
  for (const bench of chosen) {
    if (!values.json) console.log(`\n${bench.name}: ${bench.measures}\n  against ${bench.against}`);
    const { comparisons, end } = await bench.prepare(server, {
      photos: values.photos,
      keep: values.keep,
    });
    try {
      for (const comparison of comparisons) {
        const compared = await compare(bench.name, comparison, rounds);
        results.push({ bench: bench.name, ...compared });
        if (!values.json) for (const outcome of compared.outcomes) console.log(lineOf(outcome));
      }
    } finally {
      await end();
    }
  }
} finally {
  await server.end();
}

const report = {
  at: new Date().toISOString(),
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memory_mb: Math.round(totalmem() / 1024 / 1024),
    node: process.version,
    postgres: server.version,
  },
  rounds,
  results,
};
await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
if (values.json) console.log(JSON.stringify(report));
if (values.check && results.some(({ outcomes }) => outcomes.some(({ held }) => held === false)))
  process.exitCode = 1;

function lineOf({ what, unit, by, ours, theirs, compared, spread, target, held }: Outcome): string {
  const number = (value: number) => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));
  const wanted =
    target &&
    `target ${'atLeast' in target ? `at least ${target.atLeast}` : `at most ${target.atMost}`}: ${held ? 'held' : 'MISSED'}`;
  return [
    `  ${what.padEnd(16)}`,
    `${number(ours)} ${unit} against ${number(theirs)}`.padEnd(34),
    `${by} ${number(compared)} (${spread.map(number).join(' to ')})`.padEnd(34),
    wanted ?? '',
  ].join('  ');
}
