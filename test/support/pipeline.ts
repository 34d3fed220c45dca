import { createApp } from '../../src/http/app.ts';
import { provideFirstKey } from '../../src/http/first-key.ts';
import { untilEnded } from '../../src/intake/index.ts';
import { type Log, openLog } from '../../src/log.ts';
import { startWorker, type Worker } from '../../src/runner/worker.ts';
import { loadVision, type Vision } from '../../src/vision/index.ts';
import { addToWatchlist, addWatchlist } from '../../src/watchlist/registry.ts';
import { atEnd } from './at-end.ts';
import { expectResponse, learnContract } from './contract.ts';
import type { TestDatabase } from './database.ts';
import { sample } from './photos.ts';
import { until } from './until.ts';

const log = openLog('silent');

let vision: Promise<Vision> | undefined;

/** The real models: loaded once for all files of a test worker, and open until it ends. */
export const realVision = (): Promise<Vision> => {
  vision ??= loadVision({});
  return vision;
};

/** A worker in this process, stopped when the test file has ended. */
export const runWorker = async (
  database: TestDatabase,
  vision: Vision,
  options: { log: Log } = { log },
): Promise<Worker> => {
  const worker = await startWorker({ database, vision }, { concurrency: 2, ...options });
  atEnd(() => worker.stop());
  return worker;
};

/** The API without a socket: calls go through the whole app. */
export const openApi = async (database: TestDatabase, vision: Vision, worker: Worker) => {
  const apiKey = `test-key-${Math.random().toString(36).slice(2)}-long-enough`;
  await provideFirstKey(database, '/nonexistent', apiKey);
  const config = {
    maxBodyBytes: 20 * 1024 * 1024,
    maxPixels: 64_000_000,
    maxBacklog: 20_000,
    maxBacklogPerKey: 10_000,
  };
  const app = createApp({ config, database, nudge: () => worker.nudge(), vision, workerId: worker.id, log });
  learnContract(app.routes);
  return async (path: string, init: RequestInit = {}) => {
    const headers = { authorization: `Bearer ${apiKey}`, ...init.headers };
    const response = await app.request(path, { ...init, headers });
    await expectResponse(init.method ?? 'GET', path, response);
    return response;
  };
};

/** What `image_status` says once it is final. */
interface Final {
  readonly state: 'done' | 'failed';
  readonly code: string | null;
  readonly message: string | null;
  readonly faces: number;
  readonly matches: number;
  readonly alerts: number;
}

/** Resolves when an image is done or failed; the test's own time limit is the only one. */
export const untilFinal = async (database: TestDatabase, imageId: string): Promise<Final> => {
  await untilEnded(database, imageId);
  const [row] = await database.rows('select * from watchpost.image_status where image_id = $1', [imageId]);
  return row as Final;
};

/** Resolves when nothing waits and nothing is under way. A job is deleted a moment after its work is on record. */
export const untilIdle = async (database: TestDatabase): Promise<void> => {
  await until(async () => {
    const [left] = await database.rows(
      `select exists (select from watchpost.outbox)
         or exists (select from watchpost.claim)
         or exists (select from graphile_worker.jobs) as work`,
    );
    return !left.work;
  });
};

/** Submits by SQL and returns the id. */
export const submit = async (
  database: TestDatabase,
  bytes: Buffer,
  camera: string | null = null,
): Promise<string> => {
  const [row] = await database.rows<{ id: string }>('select watchpost.submit_image($1, $2) as id', [
    bytes,
    camera,
  ]);
  return (row as { id: string }).id;
};

/** Ada, the woman of samples 1 and 3, enrolled from sample 3 on a list of her own. Needs a worker. */
export const enrolAda = async (
  database: TestDatabase,
  list: { threshold?: number; cooldown_seconds?: number } = {},
): Promise<{ personId: string; watchlistId: string; imageId: string }> => {
  const watchlist = await addWatchlist(database.db, { name: `list ${Math.random()}`, ...list });
  const [person] = await database.rows(`insert into watchpost.person (name) values ('Ada') returning id`);
  await addToWatchlist(database.db, watchlist.id, person.id);
  const [photo] = await database.rows('select * from watchpost.add_person_photo($1, $2, 2::smallint)', [
    person.id,
    sample(3),
  ]);
  const { state, message } = await untilFinal(database, photo.image_id);
  if (state !== 'done') throw new Error(`Ada was not enrolled: ${message}`);
  return { personId: person.id, watchlistId: watchlist.id, imageId: photo.image_id };
};
