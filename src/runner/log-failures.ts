import type { Log } from '../log.ts';
import type { Item } from '../stages/stage.ts';
import type { Handled } from './delivery.ts';
import { idsOf } from './subject.ts';

/** A line of the log for each event that failed: what failed, why, of which photo, alert or person, and what follows. */
export const logFailures = (
  log: Log,
  task: string,
  attempt: number,
  items: readonly Item[],
  handled: readonly Handled[],
): void => {
  for (const [i, { outcome, code, error }] of handled.entries()) {
    const item = items[i];
    if (!item || (outcome !== 'retry' && outcome !== 'failed')) continue;
    const facts = { task, attempt, ...idsOf(item), code, reason: error };
    if (outcome === 'retry') log.warn(facts, 'an event failed; it is tried again');
    else log.error(facts, 'an event failed for good: a dead letter');
  }
};
