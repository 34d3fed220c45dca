import { type Context, Hono } from 'hono';
import { z } from 'zod';
import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';
import { capturedAt, searchWord, token } from '../fields.ts';
import { inspectImage } from '../vision/index.ts';
import type { Served, Services } from './app.ts';
import { Backlog } from './backlog.ts';
import { idIn } from './body.ts';
import { readImage, readState } from './image-report.ts';
import { readPhoto } from './photo.ts';

// Strict, as a camera that is misspelt would be a photo from nowhere.
const words = z.strictObject({
  camera: searchWord.optional(),
  captured_at: capturedAt.optional(),
});

/** POST /v1/images takes a photo; GET /v1/images/{id} tells what became of it. */
export const images = ({ config, database, relay, stopping }: Services) => {
  const backlog = new Backlog(database, config);
  return new Hono<Served>()
    .post('/', async (c) => {
      const submitter = `api:${c.get('caller')}`;
      await backlog.assertRoom(submitter);
      const photo = await readPhoto(c, config.maxBodyBytes, words);
      const { camera, captured_at } = photo.fields;
      // What can be seen without decoding is refused now; the rest ends as failed, with codes of the same table.
      await inspectImage(photo.bytes, { maxPixels: config.maxPixels });
      const id = await submit(database, [
        photo.bytes,
        camera ?? null,
        captured_at ?? null,
        idempotencyKey(c) ?? null,
        submitter,
      ]);
      backlog.entered(submitter);
      relay.nudge();
      const address = `/v1/images/${id}`;
      c.header('Location', address);
      return c.json({ id, state: 'received', status_url: new URL(address, c.req.url).href }, 202);
    })

    .get('/:id', async (c) => {
      const id = idIn(c);
      const seconds = waitOf(c);
      if (seconds > 0) {
        const gone = AbortSignal.any([c.req.raw.signal, ...(stopping ? [stopping] : [])]);
        await untilFinal(database, id, seconds, gone);
        c.header('Preference-Applied', `wait=${seconds}`);
      }
      return c.json(await readImage(database.db, id));
    });
};

type Submission = [
  bytes: Buffer,
  camera: string | null,
  capturedAt: string | null,
  idempotencyKey: string | null,
  submittedBy: string,
];

const submit = async (database: Database, submission: Submission): Promise<string> => {
  const { rows } = await database.pool.query<{ id: string }>(
    'select watchpost.submit_image($1, $2, $3, $4, $5) as id',
    submission,
  );
  return (rows[0] as { id: string }).id;
};

const idempotencyKey = (c: Context<Served>): string | undefined => {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return undefined;
  const parsed = token.safeParse(key);
  if (parsed.success) return parsed.data;
  throw new WatchpostError('token_invalid', `Idempotency-Key: ${parsed.error.issues[0]?.message}.`);
};

/** Seconds to wait, from `Prefer: wait=N`; at most a minute, as proxies cut longer calls off. */
const waitOf = (c: Context<Served>): number => {
  const [, seconds] = /(?:^|[,;\s])wait=(\d+)/i.exec(c.req.header('prefer') ?? '') ?? [];
  return Math.min(Number(seconds ?? 0), 60);
};

/** Resolves when an image is done or failed, when the time is up, or when the caller or the server is gone. */
const untilFinal = async (
  database: Database,
  id: string,
  seconds: number,
  gone: AbortSignal,
): Promise<void> => {
  const until = Date.now() + seconds * 1000;
  let pause = 10;
  while (Date.now() < until && !gone.aborted) {
    const state = await readState(database.db, id);
    if (state === 'done' || state === 'failed') return;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pause, Math.max(until - Date.now(), 0))));
    pause = Math.min(pause * 1.5, 250);
  }
};
