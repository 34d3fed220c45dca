import { AsyncLocalStorage } from 'node:async_hooks';
import { type Config, readConfig, visionOptions } from '../../../src/config.ts';
import { openDatabase } from '../../../src/database/pool.ts';
import { createApp } from '../../../src/http/app.ts';
import { provideFirstKey } from '../../../src/http/first-key.ts';
import { startServer } from '../../../src/http/server.ts';
import { openLog } from '../../../src/log.ts';
import { startWorker } from '../../../src/runner/worker.ts';
import { stages } from '../../../src/stages/index.ts';
import type { AnyStage } from '../../../src/stages/stage.ts';
import type { Vision } from '../../../src/vision/index.ts';
import { loadVisionThreads } from '../../../src/vision/threads.ts';

/**
 * API and worker in one process, put together as `watchpost up` does it and with its defaults, but for a watch on the
 * vision code: how long its calls took, by photo. Sends what they took when asked, and ends with its parent.
 */
const config: Config = readConfig(process.env);
const log = openLog('warn');

/** The images that the calls of a stage are for. */
const working = new AsyncLocalStorage<readonly string[]>();

/** Milliseconds of vision by image: from a call to its result, as it ran among all else that this process does. */
const took = new Map<string, number>();

const watched = async <T>(call: Promise<T>): Promise<T> => {
  const begun = performance.now();
  const result = await call;
  const lasted = performance.now() - begun;
  for (const image of working.getStore() ?? []) took.set(image, (took.get(image) ?? 0) + lasted);
  return result;
};

const watchedStage = (stage: AnyStage): AnyStage => ({
  ...stage,
  work: (items, tools) => {
    // Of several photos' faces in one batch each had to wait for all.
    const images = new Set(items.flatMap((item) => ('image_id' in item ? [String(item.image_id)] : [])));
    return working.run([...images], () => stage.work(items, tools));
  },
});

const database = openDatabase(config.databaseUrl!, { log });
const opened = await loadVisionThreads({
  calls: config.concurrency,
  ...visionOptions(config),
});
const vision: Vision = {
  ...opened,
  findFaces: (bytes, range) => watched(opened.findFaces(bytes, range)),
  embed: (crops) => watched(opened.embed(crops)),
};
const worker = await startWorker(
  { database, vision },
  { concurrency: config.concurrency, log, pulse: config.pulse, stages: stages.map(watchedStage) },
);
await provideFirstKey(database, config.dataDir, config.apiKey);
const stopping = new AbortController();
const app = createApp({
  config,
  database,
  nudge: () => worker.nudge(),
  vision,
  workerId: worker.id,
  stopping: stopping.signal,
  log,
});
const server = await startServer(app, config.host, config.port);

process.on('message', () => {
  process.send!(took);
  took.clear();
});
process.once('disconnect', async () => {
  stopping.abort();
  await server.stop(500);
  await worker.stop(2_000);
  await database.close();
  process.exit();
});
process.send!(server.url);
