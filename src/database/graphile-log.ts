import { Logger } from 'graphile-worker';
import type { Log } from '../log.ts';

/** An outage is told once, by whoever notices it first; what graphile-worker does about it is a detail. */
const ofOutage =
  /^(Error with notify listener|Error occurred attempting to UNLISTEN|Failed to (complete|fail) jobs|Error occurred during graceful shutdown)/;

/**
 * graphile-worker's messages in our log. Its report of every finished job is debug here: handling rows tell that
 * better. A failed job is a warning: it is tried again, and what comes of it is a handling row too.
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
