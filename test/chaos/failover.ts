import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { check, countOf, type Finding, untilSettled } from './checker.ts';
import { noAttemptUsed } from './checks.ts';
import { Fleet, startFleet } from './fleet.ts';
import { install } from './install.ts';
import { onInterrupt } from './interrupt.ts';
import { type Acknowledged, Ledger } from './ledger.ts';
import type { Options } from './options.ts';
import type { Album } from './photos.ts';
import { tell } from './progress.ts';
import { Random } from './random.ts';
import { type Pair, startPair } from './replica.ts';
import { Submitter } from './submit.ts';
import { Watch } from './watch.ts';

/**
 * How the primary fails:
 *
 *   clean    it is stopped, and the replica has all of it (synchronous replication): nothing may be lost.
 *   lagging  the replica stops receiving (asynchronous replication), and seconds later the primary crashes: what was
 *            acknowledged in those seconds is lost with it, and nothing else.
 *
 * In both the address leads to the replica while it is still in recovery, and then it is promoted. Nobody is started again.
 */
export type Form = 'clean' | 'lagging';

/** Milliseconds. */
const lengths = {
  /** Photos come, before the harm and after the promotion. */
  work: 10_000,
  /** The replica receives nothing while photos are acknowledged. */
  lag: 4_000,
  /** The address leads to a server that refuses writes. */
  inRecovery: 15_000,
  /** Within which work goes on after the promotion. */
  recover: 60_000,
  /** Within which everything is done after that. */
  settle: 240_000,
};

/** Photos a second, by as many submitters at a time. */
const photosPerSecond = 6;

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
    // With the heartbeat of an installation: none that could not reach the database is to be taken for dead.
    const api = await startFleet(fleet, pair.port, { ...options, folder, short: false });
    while (fleet.slots.some((slot) => slot.state === 'starting')) await sleep(100);
    tell(`failover (${form}): ${options.workers} workers, the API, a primary and its replica are up`);
    const ledger = new Ledger(join(folder, 'ledger.jsonl'));
    const random = new Random(options.seed);
    const submitter = new Submitter({ album, ledger, random, api, database: pair.url });
    const outage = await failOver(form, pair, watch, submitter, api.url);
    const settled = await untilSettled(pool, lengths.settle).catch(() => undefined);
    await submitter.stop();
    const { kept, lost } = await split(pool, ledger.acknowledged, form === 'clean' ? undefined : outage.lag);
    const findings = await check(pool, {
      sent: ledger.sent,
      acknowledged: kept,
      contradictions: ledger.contradictions,
      more: [noAttemptUsed],
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

/** A span of time, in ms since 1970. */
interface Span {
  readonly from: number;
  readonly to: number;
}

interface Outage {
  /** Acknowledged in it, a photo may be lost; of no length when the replication is synchronous. */
  readonly lag: Span;
  /** What /readyz answered while the address led to a server in recovery, by status. */
  readonly readyz: Record<string, number>;
  /** What POST answered meanwhile, by status and code. */
  readonly posts: Record<string, number>;
  readonly everybodyDone: boolean;
}

/** Submits photos at an even pace all along, and exchanges the primary for the replica. */
const failOver = async (
  form: Form,
  pair: Pair,
  watch: Watch,
  submitter: Submitter,
  api: string,
): Promise<Outage> => {
  let submitting = true;
  const submissions = new Set<Promise<void>>();
  const pace = setInterval(() => {
    if (!submitting || submissions.size > 40) return;
    const one = submitter.submitOne().finally(() => submissions.delete(one));
    submissions.add(one);
  }, 1_000 / photosPerSecond);
  try {
    await sleep(lengths.work);
    const from = Date.now();
    if (form === 'lagging') {
      await pair.caughtUp();
      pair.replication.blackhole();
      await sleep(lengths.lag);
      await pair.primary.crash();
    } else await pair.primary.stop();
    const to = Date.now();
    pair.address.moveTo(pair.replica.port);
    tell(`failover (${form}): the address leads to a server in recovery`);
    const { readyz, posts } = await probe(api, submitter, lengths.inRecovery);
    const recovered = watch.wounded(`failover (${form})`);
    await pair.replica.promote();
    tell(`failover (${form}): the replica is promoted`);
    await Promise.all([sleep(lengths.work), Promise.race([recovered, sleep(lengths.recover)])]);
    submitting = false;
    const late = Symbol();
    const ended = await Promise.race([Promise.all(submissions), sleep(lengths.recover).then(() => late)]);
    return { lag: { from, to }, readyz, posts, everybodyDone: ended !== late };
  } finally {
    clearInterval(pace);
  }
};

/** What the API says of itself, four times a second, and of photos that are posted to it. */
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

const judge = (seen: {
  form: Form;
  fleet: Fleet;
  watch: Watch;
  findings: readonly Finding[];
  submitter: Submitter;
  ledger: Ledger;
  outage: Outage;
  lost: number;
  settled: number | undefined;
  begun: number;
}) => {
  const { form, fleet, watch, findings, submitter, ledger, outage, lost, settled } = seen;
  const [recovery] = [...watch.recoveries, ...watch.open];
  const { refused, uncoded } = submitter.attempts;
  const foreseen = (answers: Record<string, number>, ...statuses: string[]) =>
    Object.keys(answers).every((answer) => statuses.some((status) => answer.startsWith(status)));
  const complaints = [
    ...findings.map(
      ({ kind, name, count, examples }) => `${kind}: not ${name} (${count}): ${examples.join('; ')}`,
    ),
    ...fleet.deserters,
    ...watch.open.map(({ seconds }) => `not recovered from after ${seconds} s`),
    ...(settled === undefined ? ['not everything came to its end'] : []),
    ...(outage.everybodyDone ? [] : ['photos were never acknowledged']),
    ...(foreseen(refused, '429', '503') ? [] : [`the API answered ${JSON.stringify(refused)}`]),
    ...(uncoded > 0 ? [`${uncoded} answers of the API had no code`] : []),
    ...(foreseen(outage.readyz, '503') ? [] : [`/readyz in recovery: ${JSON.stringify(outage.readyz)}`]),
    ...(foreseen(outage.posts, '503 database_unavailable', '429') && outage.posts['503 database_unavailable']
      ? []
      : [`POST in recovery: ${JSON.stringify(outage.posts)}`]),
    ...(form === 'lagging' && lost === 0 ? ['nothing was lost, so nothing was tried'] : []),
  ];
  for (const complaint of complaints) tell(`failover (${form}): ${complaint}`);
  return {
    form,
    acknowledged: ledger.acknowledged.length,
    lost_with_the_primary: lost,
    lost: countOf(findings, 'lost'),
    duplicated: countOf(findings, 'duplicated'),
    gaps: countOf(findings, 'gap'),
    wrong: countOf(findings, 'wrong'),
    left: countOf(findings, 'left'),
    readyz_in_recovery: outage.readyz,
    posts_in_recovery: outage.posts,
    unanswered: submitter.attempts.unanswered,
    refused,
    recovery_s: recovery?.seconds ?? null,
    settled_s: settled ?? null,
    seconds: Math.round((Date.now() - seen.begun) / 1000),
    passed: complaints.length === 0,
  };
};
