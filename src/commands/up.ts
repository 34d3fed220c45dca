import { type Config, visionOptions } from '../config.ts';
import { migrate } from '../database/migrate.ts';
import { type Database, withoutPassword } from '../database/pool.ts';
import { waitForDatabase } from '../database/retry.ts';
import { provideApiKey } from '../http/api-key.ts';
import { createApp } from '../http/app.ts';
import { startServer } from '../http/server.ts';
import type { Log } from '../log.ts';
import { startRelay, startWorker } from '../runner/worker.ts';
import { loadVisionThreads } from '../vision/threads.ts';
import { provideDatabase } from './connect.ts';
import type { Stopper } from './stop.ts';

/** A whole installation in one process: database, API and one worker. */
export interface Up {
  readonly url: string;
  readonly apiKey: string;
  readonly database: Database;
  readonly kind: 'embedded' | 'server';
}

/**
 * Starts everything and registers with `stopper` how to stop it.
 *
 * @param options.worker false: the API only, for workers that run elsewhere.
 * @param options.brief it ends within seconds.
 */
export const bringUp = async (
  config: Config,
  log: Log,
  stopper: Stopper,
  options: { worker: boolean; brief?: boolean },
): Promise<Up> => {
  const { database, kind } = await provideDatabase(config, log, stopper, options);
  await waitForDatabase(database, () => migrate(database.pool, log));
  const vision = await loadVisionThreads({
    calls: config.concurrency,
    ...visionOptions(config),
  });
  stopper.add(() => vision.close());
  const settings = { concurrency: config.concurrency, log, pulse: config.pulse };
  const worker = await (options.worker ? startWorker : startRelay)({ database, vision }, settings);
  stopper.add(() => worker.stop());

  const apiKey = await waitForDatabase(database, () =>
    provideApiKey(database, config.dataDir, config.apiKey),
  );
  const stopping = new AbortController();
  const app = createApp({
    config,
    database,
    relay: worker,
    vision,
    workerId: worker.id,
    stopping: stopping.signal,
    log,
  });
  const server = await startServer(app, config.host, config.port);
  stopper.add(() => {
    stopping.abort();
    return server.stop();
  });
  return { url: server.url, apiKey, database, kind };
};

/** What a person needs to use a running installation. */
export const describe = (up: Up): string => `
  API      ${up.url}
  API key  ${up.apiKey}
  SQL      psql ${withoutPassword(up.database.url)}
  Console  ${new URL('/console', up.url).href}
`;

/** `watchpost up`: the server, until a signal ends it. */
export const up = async (
  config: Config,
  log: Log,
  stopper: Stopper,
  options: { worker: boolean },
): Promise<void> => {
  const ended = stopper.untilSignal(log);
  const running = await bringUp(config, log, stopper, options);
  process.stdout.write(`${describe(running)}
Submit a photo:  curl -H "Authorization: Bearer ${running.apiKey}" -F image=@photo.jpg ${running.url}/v1/images
One more worker: npm run worker
Stop:            Ctrl-C
`);
  await ended;
};
