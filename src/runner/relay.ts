import { Claims } from '../broker/claims.ts';
import type { Pulse } from '../config.ts';
import { waitForDatabase } from '../database/retry.ts';
import type { Log } from '../log.ts';
import type { Tools } from '../stages/stage.ts';
import { startHeartbeat } from './heartbeat.ts';
import { registerProcess, sayGoodbye } from './registration.ts';
import { Slots } from './slots.ts';
import type { Worker } from './worker.ts';

/**
 * For a process without a worker: makes jobs of the events that workers do not claim, and sends heartbeats, so that
 * other processes know of it.
 */
export const startRelay = async (
  { database, vision }: Tools,
  options: { log: Log; pulse?: Pulse },
): Promise<Worker> => {
  const { log, pulse } = options;
  const process_ = { concurrency: 0, tasks: [] };
  const id = await waitForDatabase(database, () => registerProcess(database, vision, process_));
  const heartbeat = startHeartbeat(database, id, {
    log,
    ...(pulse ? { pulse } : {}),
    register: () => registerProcess(database, vision, { id, ...process_ }),
  });
  const slots = new Slots({
    claims: new Claims(database, id),
    tasks: () => [],
    concurrency: 0,
    handle: async () => {},
    outage: database.outage,
    log,
  });
  slots.start();
  return {
    id,
    nudge: () => slots.nudge(),
    async stop() {
      await slots.stop();
      heartbeat.stop();
      await sayGoodbye(database, id).catch(() => {});
    },
  };
};
