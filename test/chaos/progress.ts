import type { Faults } from './faults.ts';
import type { Fleet } from './fleet.ts';
import type { Ledger } from './ledger.ts';
import type { Watch } from './watch.ts';

const begun = Date.now();

/** Prints a line on stderr, with the seconds since the start. */
export const print = (line: string): void => {
  process.stderr.write(`${((Date.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
};

/**
 * A line every five seconds with what was done so far.
 *
 * @returns what ends it.
 */
export const showProgress = (of: {
  ledger: Ledger;
  faults: Faults;
  watch: Watch;
  fleet: Fleet;
  images: number;
}): (() => void) => {
  const timer = setInterval(() => {
    const { kills, api_kills, db_restarts, terminated_backends, blackholes, suspensions } = of.faults.counts;
    const slowest = Math.max(0, ...of.watch.recoveries.map((one) => one.seconds));
    const { handlings, outbox, jobs } = of.watch.seen;
    print(
      [
        `${of.ledger.acknowledged.length}/${of.images} acknowledged`,
        `${handlings} handled, ${outbox + jobs} waiting`,
        `${kills} kills, ${api_kills} of the API, ${db_restarts} restarts, ${terminated_backends} terminated, ` +
          `${blackholes} black holes, ${suspensions} suspensions`,
        `${of.watch.open.length} open, slowest recovery ${slowest.toFixed(1)} s`,
        ...(of.fleet.deserters.length > 0 ? [`${of.fleet.deserters.length} ended by themselves`] : []),
      ].join(' · '),
    );
  }, 5_000);
  return () => clearInterval(timer);
};
