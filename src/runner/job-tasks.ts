import type { Task, TaskList } from 'graphile-worker';
import type { Database } from '../database/pool.ts';
import { retryWhileAway } from '../database/retry.ts';
import type { AnyStage, Item } from '../stages/stage.ts';
import { type Handled, handle } from './handle.ts';
import { logFailures } from './log-failures.ts';
import type { Run } from './run.ts';
import type { Slots } from './slots.ts';
import { subjectOf } from './subject.ts';

/**
 * The stages of a worker as graphile-worker tasks: for retries, and for messages to other servers.
 *
 * @param slots the slots that the tasks wait for, except those that wait for other servers.
 */
export const jobTasks = (run: Run, slots: Slots): TaskList =>
  Object.fromEntries(run.stages.map((stage) => [stage.task, jobOf(stage, run, slots)]));

/** Milliseconds for which a result is cached, because each slot of a pool asks for itself. */
const pausedForMs = 1_000;

/** Reads the tasks that are paused for the whole fleet, as flags that graphile-worker passes over. */
export const pausedTasks = ({ jobs }: Database): (() => Promise<string[]>) => {
  let readAt = Number.NEGATIVE_INFINITY;
  let latest: Promise<string[]> = Promise.resolve([]);
  const read = async () => {
    const { rows } = await jobs.query<{ task: string }>('select p.task from watchpost.task_pause as p');
    return rows.map((row) => row.task);
  };
  return () => {
    if (performance.now() - readAt >= pausedForMs) {
      readAt = performance.now();
      latest = read();
    }
    return latest;
  };
};

/** A stage as a graphile-worker batch task: rejects only the items that are to be retried. */
const jobOf =
  (stage: AnyStage, run: Run, slots: Slots): Task =>
  async (payload, { job }) => {
    const items = (Array.isArray(payload) ? payload : [payload]) as Item[];
    const { epoch } = run.inHand;
    const work = () =>
      retryWhileAway(
        run.tools.database,
        () => run.stopping() || run.inHand.epoch !== epoch,
        (again) =>
          handle(stage, items, run.tools, {
            workerId: run.workerId,
            attempt: job.attempts,
            mayRetry: job.attempts < job.max_attempts,
            redelivered: again || job.attempts > 1,
          }),
      );
    const handled = await (stage.outward ? work() : slots.hold(work));
    // graphile-worker completes a job by its id alone, and after a failover another job may have that id.
    if (run.inHand.epoch !== epoch) await new Promise(() => {});
    run.nudge();
    logFailures(run.log, stage.task, job.attempts, items, handled);
    const errors = handled.map((one, i) => (one.outcome === 'retry' ? errorOf(one, items[i]) : undefined));
    const first = errors.find((error) => error !== undefined);
    if (!first) return;
    if (!Array.isArray(payload)) throw first;
    return errors.map((error) => (error ? Promise.reject(error) : Promise.resolve()));
  };

/** For the log and for graphile-worker's own table: what failed, of which photo, alert or person. */
const errorOf = ({ code, error }: Handled, item: Item | undefined): Error => {
  const subject = item && subjectOf(item);
  // The sentence may name it already.
  const named = !subject || error?.includes(subject.id);
  return new Error(`${code}: ${error}${named ? '' : ` (${subject.kind} ${subject.id})`}`);
};
