import { Logger } from 'graphile-worker';
import type { Log } from '../log.ts';

/** Messages about an outage. The part of Watchpost that notices it first logs it once; these are logged at debug. */
const ofOutage =
  /^(Error with notify listener|Error occurred attempting to UNLISTEN|Failed to (complete|fail) jobs|Error occurred during graceful shutdown)/;

/**
 * graphile-worker's messages in our log. Its report of every finished job is debug here: handling rows show that
 * better. A failed job is a warning: it is retried, and its outcome is a handling row too.
 */
export const graphileLogger = (log: Log): Logger =>
  new Logger(() => (level, message, meta) => {
    const to = { error: 'warn', warning: 'warn', info: 'debug', debug: 'trace' } as const;
    const task = (meta as { job?: { task_identifier?: string } } | undefined)?.job?.task_identifier;
    // The rest of a failure's message is its stack inside graphile-worker; handling.error has what matters.
    const [line, ...details] = message.split('\n');
    const reached = ofOutage.test(message) ? 'debug' : to[level];
    log[reached]({ ...(task ? { task } : {}), ...(details[0] ? { details: details[0].trim() } : {}) }, line);
  });
