import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { check, untilSettled } from './checker.ts';
import { noAttemptUsed } from './checks.ts';
import { type Form, judge, type Outage, type Span } from './failover-report.ts';
import { Fleet, startFleet } from './fleet.ts';
import { install } from './install.ts';
import { onInterrupt } from './interrupt.ts';
import { type Acknowledged, Ledger } from './ledger.ts';
import type { Options } from './options.ts';
import type { Album } from './photos.ts';
import { print } from './progress.ts';
import { Random } from './random.ts';
import { type Pair, startPair } from './replica.ts';
import { Submitter } from './submit.ts';
import { Watch } from './watch.ts';

/** Milliseconds. */
const lengths = {
  /** Photos are submitted for this long before the failure and after the promotion. */
  work: 10_000,
  /** The replica receives nothing while photos are acknowledged. */
  lag: 6_000,
  /** The address leads to a server that refuses writes; more than the 10 s for which a connection is waited for. */
  inRecovery: { clean: 15_000, lagging: 5_000 },
  /** A worker is still suspended after the promotion; with the rest less than the 20 s after which it counts as dead. */
  suspended: 4_000,
  /** Within which work continues after the promotion. */
  recover: 60_000,
  /** Within which everything is done after that. */
  settle: 240_000,
};

/** Photos a second. Postgres skips up to 32 values of a sequence at a crash: more ids have to be issued during the lag. */
const photosPerSecond = 8;

/** Events handled before the failure, also on a slow machine. */
const atLeastHandled = 30;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One run of a failover, in servers and processes of its own. */
export const runFailover = async (form: Form, options: Options, album: Album) => {
  const begun = Date.now();
  const folder = join(options.folder, `failover-${form}`);
  await mkdir(folder, { recursive: true });
  const pair = await startPair({ bin: options.pgBin, folder, synchronous: form === 'clean' });
  const fleet = new Fleet(folder);
  const watch = new Watch(pair.url, fleet);
  const pool = new pg.Pool({ connectionString: pair.url, max: 2 });
  pool.on('error', () => {});
  const stopListening = onInterrupt(async () => {
    await fleet.end();
    await pair.end();
  });
  try {
    await install(pair.url, album);
    // With the default heartbeat: a process that could not reach the database must not count as dead.
    const api = await startFleet(fleet, pair.port, { ...options, folder, short: false });
    while (fleet.slots.some((slot) => slot.state === 'starting')) await sleep(100);
    print(`failover (${form}): ${options.workers} workers, the API, a primary and its replica are up`);
    const ledger = new Ledger(join(folder, 'ledger.jsonl'));
    const random = new Random(options.seed);
    const submitter = new Submitter({ album, ledger, random, api, database: pair.url });
    const outage = await failOver(form, { pair, fleet, watch, submitter, api: api.url });
    const settled = await untilSettled(pool, lengths.settle).catch(() => undefined);
    await submitter.stop();
    const { kept, lost } = await split(pool, ledger.acknowledged, form === 'clean' ? undefined : outage.lag);
    const findings = await check(pool, {
      sent: ledger.sent,
      acknowledged: kept,
      contradictions: ledger.contradictions,
      more: [noAttemptUsed(form === 'clean' ? 1 : 2)],
    });
    return judge({ form, fleet, watch, findings, submitter, ledger, outage, lost, settled, begun });
  } finally {
    stopListening();
    await fleet.end();
    await watch.end();
    await pool.end();
    await pair.end();
  }
};

interface Installation {
  readonly pair: Pair;
  readonly fleet: Fleet;
  readonly watch: Watch;
  readonly submitter: Submitter;
  /** URL of the API. */
  readonly api: string;
}

/** Submits photos at an even pace, and exchanges the primary for the replica meanwhile. */
const failOver = async (form: Form, installation: Installation): Promise<Outage> => {
  const { pair, watch, submitter, api } = installation;
  const submissions = new Set<Promise<void>>();
  const pace = setInterval(() => {
    if (submissions.size > 40) return;
    const one = submitter.submitOne().finally(() => submissions.delete(one));
    submissions.add(one);
  }, 1_000 / photosPerSecond);
  try {
    await sleep(lengths.work);
    const slow = Date.now() + lengths.recover;
    while (watch.seen.handlings < atLeastHandled && Date.now() < slow) await sleep(100);
    const { lag, resume } = await losePrimary(form, installation);
    pair.address.moveTo(pair.replica.port);
    print(`failover (${form}): the address leads to a server in recovery`);
    const { readyz, posts } = await probe(api, submitter, lengths.inRecovery[form]);
    const recovered = watch.wounded(`failover (${form})`);
    await pair.replica.promote();
    print(`failover (${form}): the replica is promoted`);
    await resume();
    await Promise.all([sleep(lengths.work), Promise.race([recovered, sleep(lengths.recover)])]);
    clearInterval(pace);
    const ended = Promise.all(submissions).then(() => true);
    const everybodyDone = await Promise.race([ended, sleep(lengths.recover).then(() => false)]);
    return { lag, readyz, posts, everybodyDone };
  } finally {
    clearInterval(pace);
  }
};

/**
 * Takes the primary away.
 *
 * @returns when photos may have been lost, and a function that resumes a suspended worker after the promotion.
 */
const losePrimary = async (form: Form, { pair, fleet }: Installation) => {
  const from = Date.now();
  if (form === 'clean') {
    await pair.primary.stop();
    return { lag: { from, to: Date.now() }, resume: async () => {} };
  }
  await pair.caughtUp();
  pair.replication.blackhole();
  await sleep(lengths.lag);
  const [suspended] = fleet.up('worker');
  if (suspended) suspended.state = 'held';
  suspended?.process.kill('SIGSTOP');
  await pair.primary.crash();
  const resume = async () => {
    await sleep(lengths.suspended);
    suspended?.process.kill('SIGCONT');
    if (suspended) suspended.state = 'up';
  };
  return { lag: { from, to: Date.now() }, resume };
};

/** Polls /readyz and posts photos, four times a second. */
const probe = async (api: string, submitter: Submitter, ms: number) => {
  const until = Date.now() + ms;
  const readyz: Record<string, number> = {};
  // An answer of the old primary may be on its way.
  await sleep(200);
  const before = { ...submitter.attempts.answers };
  while (Date.now() < until) {
    const status = await fetch(`${api}/readyz`).then(
      (response) => response.status,
      () => 'none',
    );
    readyz[status] = (readyz[status] ?? 0) + 1;
    await sleep(250);
  }
  const posts = Object.fromEntries(
    Object.entries(submitter.attempts.answers)
      .map(([answer, count]) => [answer, count - (before[answer] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  );
  return { readyz, posts };
};

/** Divides what was acknowledged into what has to be there and what went down with the primary, in a span of time. */
const split = async (pool: pg.Pool, acknowledged: readonly Acknowledged[], lag: Span | undefined) => {
  const { rows } = await pool.query<{ id: string }>('select id from watchpost.image where id = any ($1)', [
    acknowledged.map(({ id }) => id),
  ]);
  const there = new Set(rows.map(({ id }) => id));
  const mayBeLost = ({ at }: Acknowledged) => lag !== undefined && at >= lag.from && at <= lag.to;
  const kept = acknowledged.filter((one) => there.has(one.id) || !mayBeLost(one));
  return { kept, lost: acknowledged.length - kept.length };
};
