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
 * better. So is that of a failed job: each event of it has a line of its own (src/runner/log-failures.ts).
 */
export const graphileLogger = (log: Log): Logger =>
  new Logger(() => (level, message, meta) => {
    const to = { error: 'warn', warning: 'warn', info: 'debug', debug: 'trace' } as const;
    const { job, failure, error } = (meta ?? {}) as Meta;
    if (failure && job) {
      const { task_identifier: task, attempts: attempt, max_attempts: of } = job;
      log.debug({ task, attempt, of, reason: error?.message }, 'a job failed');
      return;
    }
    const [line, ...details] = message.split('\n');
    const reached = ofOutage.test(message) ? 'debug' : to[level];
    const task = job?.task_identifier;
    log[reached]({ ...(task ? { task } : {}), ...(details[0] ? { details: details[0].trim() } : {}) }, line);
  });
