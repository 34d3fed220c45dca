import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../support/postgres.ts';
import { check, countOf, type Finding, untilSettled } from './checker.ts';
import { Faults, type Lengths } from './faults.ts';
import { Fleet, startFleet } from './fleet.ts';
import { install } from './install.ts';
import { onInterrupt } from './interrupt.ts';
import { Ledger } from './ledger.ts';
import type { Options } from './options.ts';
import type { Album } from './photos.ts';
import { planFaults } from './plan.ts';
import { print, showProgress } from './progress.ts';
import { Random } from './random.ts';
import { Submitter } from './submit.ts';
import { Watch } from './watch.ts';

/** Seconds within which every fault must be recovered from. */
const recoverWithin = 60;

/** Milliseconds within which everything must be done once nothing is broken any more. */
const settleWithin = 400_000;

/** How long the faults last, in milliseconds. */
const lengths: Lengths = { stopped: 30_000, blackholed: 40_000, away: [1_000, 8_000], terminating: 15_000 };
const shortLengths: Lengths = {
  stopped: 6_000,
  blackholed: 12_000,
  away: [500, 2_000],
  terminating: 5_000,
};

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Photos submitted at a time; the rest of the pace is set by the clock. */
const atOnce = 8;

/** Photos under kills, crashes, black holes and suspensions, and what became of them. */
export const runFaults = async (options: Options, album: Album) => {
  const begun = Date.now();
  const random = new Random(options.seed);
  const postgres = options.url
    ? undefined
    : await startPostgres({
        bin: options.pgBin,
        data: options.pgData ?? join(options.folder, 'postgres'),
        port: options.port,
      });
  const url = options.url ?? (postgres as { url: string }).url;
  const fleet = new Fleet(options.folder);
  const watch = new Watch(url, fleet);
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => {});
  const stopListening = onInterrupt(async () => {
    await fleet.end();
    await postgres?.end();
  });
  try {
    await install(url, album);
    const api = await startFleet(fleet, Number(new URL(url).port), options);
    while (fleet.slots.some((slot) => slot.state === 'starting')) await sleep(100);
    print(`${options.workers} workers and the API are up`);

    const ledger = new Ledger(join(options.folder, 'ledger.jsonl'));
    const own = new Random(options.seed + 1);
    const submitter = new Submitter({ album, ledger, random: own, api, database: url });
    const faults = new Faults({
      fleet,
      watch,
      postgres,
      url,
      random,
      lengths: options.short ? shortLengths : lengths,
    });
    const stopProgress = showProgress({ ledger, faults, watch, fleet, images: options.images });
    try {
      await harm(options, random, submitter, faults);
    } finally {
      stopProgress();
    }
    print('the last fault is over; waiting until everything is processed');
    const settled = await untilSettled(pool, settleWithin);
    await submitter.stop();
    const findings = await check(pool, {
      sent: ledger.sent,
      acknowledged: ledger.acknowledged,
      contradictions: ledger.contradictions,
    });
    return report(options, { ledger, faults, watch, fleet, findings, settled, submitter, begun });
  } finally {
    stopListening();
    await fleet.end();
    await watch.end();
    await pool.end();
    await postgres?.end();
  }
};

/** Submits at an even pace while the plan is carried out, and the last few photos after everything has recovered. */
const harm = async (
  options: Options,
  random: Random,
  submitter: Submitter,
  faults: Faults,
): Promise<void> => {
  const plan = planFaults(random, options);
  const begun = Date.now();
  const last = Math.min(options.images, Math.max(20, Math.round(options.images / 40)));
  const gap = (options.seconds * 1000) / options.images;
  let submitted = 0;
  let recovered = false;

  const submitting = Array.from({ length: atOnce }, async () => {
    while (submitted < options.images) {
      // The last few are kept back, one every second, so that there are effects to recover to.
      const due = submitted < options.images - last ? begun + submitted * gap : Date.now();
      submitted += 1;
      await sleep(Math.max(0, due - Date.now()));
      if (submitted > options.images - last && !recovered) await sleep(atOnce * 1_000);
      await submitter.submitOne();
    }
  });
  const doing = plan.map(async (step) => {
    await sleep(Math.max(0, begun + step.at - Date.now()));
    await step.run(faults).catch((error) => print(`${step.fault} could not be done: ${error.message}`));
  });
  await Promise.all(doing);
  const patience = sleep((recoverWithin + 60) * 1000);
  await Promise.race([faults.recovered(), patience]);
  recovered = true;
  await Promise.race([Promise.all(submitting), sleep(settleWithin)]);
};

const report = (
  options: Options,
  seen: {
    ledger: Ledger;
    faults: Faults;
    watch: Watch;
    fleet: Fleet;
    findings: readonly Finding[];
    settled: number | undefined;
    submitter: Submitter;
    begun: number;
  },
) => {
  const { ledger, faults, watch, fleet, findings, settled, submitter } = seen;
  const seconds = [...watch.recoveries, ...watch.open].map((one) => one.seconds);
  const slowest = [...watch.recoveries, ...watch.open].sort((a, b) => b.seconds - a.seconds)[0];
  const recovery = Math.round(Math.max(0, ...seconds) * 10) / 10;
  const refused = Object.keys(submitter.attempts.refused).filter(
    (status) => !['429', '503'].includes(status),
  );
  const complaints = [
    ...findings.map(
      ({ kind, name, count, examples }) => `${kind}: not ${name} (${count}): ${examples.join('; ')}`,
    ),
    ...fleet.deserters,
    ...watch.open.map((one) => `not recovered from: ${one.fault}, after ${one.seconds} s`),
    ...(recovery > recoverWithin ? [`recovery took ${recovery} s: ${slowest?.fault}`] : []),
    ...(ledger.acknowledged.length < options.images
      ? [`${options.images - ledger.acknowledged.length} photos were never acknowledged`]
      : []),
    ...(faults.counts.kills < options.kills
      ? [`${faults.counts.kills} of ${options.kills} kills were done`]
      : []),
    ...(faults.counts.db_restarts < options.restarts
      ? [`${faults.counts.db_restarts} restarts were done`]
      : []),
    ...(refused.length > 0 ? [`the API answered ${refused.join(', ')}`] : []),
  ];
  for (const complaint of complaints) print(complaint);
  return {
    acknowledged: ledger.acknowledged.length,
    lost: countOf(findings, 'lost'),
    duplicated: countOf(findings, 'duplicated'),
    gaps: countOf(findings, 'gap'),
    wrong: countOf(findings, 'wrong'),
    left: countOf(findings, 'left'),
    ...faults.counts,
    recovery_s_max: recovery,
    slowest_recovery: slowest?.fault,
    kills_at: faults.killsAt,
    unanswered: submitter.attempts.unanswered,
    refused: submitter.attempts.refused,
    failed_starts: fleet.failedStarts,
    deserters: fleet.deserters.length,
    settled_s: settled ?? null,
    seconds: Math.round((Date.now() - seen.begun) / 1000),
    passed: complaints.length === 0,
  };
};
