import { countOf, type Finding } from './checker.ts';
import type { Fleet } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import { print } from './progress.ts';
import type { Submitter } from './submit.ts';
import type { Watch } from './watch.ts';

/**
 * How the primary fails:
 *
 *   clean    it is stopped, and the replica has all of it (synchronous replication): nothing may be lost.
 *   lagging  the replica stops receiving (asynchronous replication), and seconds later the primary crashes: what was
 *            acknowledged in those seconds is lost with it, and nothing else. A worker is suspended meanwhile, and
 *            continues after the promotion with jobs of the old primary, whose ids the new one may have given to
 *            others.
 *
 * In both the address leads to the replica while it is still in recovery, and then it is promoted. No process is
 * restarted.
 */
export type Form = 'clean' | 'lagging';

/** A span of time, in ms since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What was observed of one failover. */
export interface Outage {
  /** Acknowledged in it, a photo may be lost; of no length when the replication is synchronous. */
  readonly lag: Span;
  /** What /readyz answered while the address led to a server in recovery, by status. */
  readonly readyz: Record<string, number>;
  /** What POST answered meanwhile, by status and code. */
  readonly posts: Record<string, number>;
  readonly everybodyDone: boolean;
}

/** Reports what was wrong, and a summary. */
export const judge = (seen: {
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
  for (const complaint of complaints) print(`failover (${form}): ${complaint}`);
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
