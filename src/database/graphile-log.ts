import { Logger } from 'graphile-worker';
import type { Log } from '../log.ts';

/** Messages about an outage. The part of Watchpost that notices it first logs it once; these are logged at debug. */
const ofOutage =
  /^(Error with notify listener|Error occurred attempting to UNLISTEN|Failed to (complete|fail) jobs|Error occurred during graceful shutdown)/;

/** The job of a message, and its error if the message says that it failed. */
interface Meta {
  readonly job?: { task_identifier: string; attempts: number; max_attempts: number };
  readonly failure?: boolean;
  readonly error?: Error;
}

/**
 * graphile-worker's messages in our log. Its report of every finished job is debug here: handling rows show that
 * better. A failed job is a warning of one line, which names what the job was about (src/runner/job-tasks.ts): it is
 * retried, and its outcome is a handling row too.
 */
export const graphileLogger = (log: Log): Logger =>
  new Logger(() => (level, message, meta) => {
    const to = { error: 'warn', warning: 'warn', info: 'debug', debug: 'trace' } as const;
    const { job, failure, error } = (meta ?? {}) as Meta;
    if (failure && job) {
      const { task_identifier: task, attempts: attempt, max_attempts: of } = job;
      const last = attempt >= of;
      log.warn(
        { task, attempt, of, reason: reasonOf(error) },
        `a job failed${last ? ' for the last time' : ''}`,
      );
      return;
    }
    const [line, ...details] = message.split('\n');
    const reached = ofOutage.test(message) ? 'debug' : to[level];
    const task = job?.task_identifier;
    log[reached]({ ...(task ? { task } : {}), ...(details[0] ? { details: details[0].trim() } : {}) }, line);
  });

/** The whole message on one line; of a batch that failed in part, those of its items. */
const reasonOf = (error: Error | undefined): string =>
  (error?.message ?? 'unknown').replace(/^Batch failures:\n/, '').replace(/\s*\n\s*/g, '; ');
