import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Config } from '../config.ts';
import { CommandError } from '../errors.ts';
import { untilEnded } from '../intake/index.ts';
import type { Log } from '../log.ts';
import { addToWatchlist, addWatchlist } from '../watchlist/registry.ts';
import { Narrator } from './demo-narrator.ts';
import { type DemoReport, readReport, type Submission, showReport } from './demo-report.ts';
import type { Stopper } from './stop.ts';
import { bringUp, describe, type Up } from './up.ts';

const mainFile = fileURLToPath(new URL('../main.ts', import.meta.url));
const photoFile = (name: string): string =>
  fileURLToPath(import.meta.resolve(`@vladmandic/face-api/demo/${name}`));

/** Who is enrolled: the woman in the middle, the second face from the left. */
const reference = { name: 'Ada', photo: 'sample3.jpg', face: 2 };

/** The frames, each by one of the ways in. She is in the first one. */
const frames = [
  { photo: 'sample1.jpg', camera: 'demo north gate', way: 'POST' },
  { photo: 'sample2.jpg', camera: 'demo lobby', way: 'INSERT' },
  { photo: 'sample4.jpg', camera: 'demo north gate', way: 'POST' },
  { photo: 'sample5.jpg', camera: 'demo lobby', way: 'INSERT' },
  { photo: 'sample6.jpg', camera: 'demo lobby', way: 'command' },
] as const;

/**
 * `watchpost demo`: enrols one woman from one group photo and finds her in another, through a real server.
 *
 * Ends the process with 1 unless exactly the one expected alert was raised.
 */
export const demo = async (
  config: Config,
  log: Log,
  stopper: Stopper,
  options: { once?: boolean; json?: boolean },
): Promise<void> => {
  const ended = stopper.untilSignal(log);
  const say = (text: string) => options.json || process.stdout.write(`${text}\n`);
  say('Starting the database, the API and a worker …');
  const brief = Boolean(options.json || options.once);
  const up = await bringUp(config, log, stopper, { worker: true, brief });
  const narrator = new Narrator(up.database, say);

  const { watchlistId } = await enrol(up, narrator);
  say('\nSubmitting five photos: two by POST, two by SQL INSERT, one by the command line.\n');
  const submissions = await submitFrames(up, narrator);
  await Promise.all(submissions.map(({ imageId }) => untilEnded(up.database, imageId)));
  await narrator.finish();

  const report = await readReport(up.database, watchlistId, submissions, up.kind);
  const good = isExpected(report);
  say(`\n${showReport(report)}\n`);
  if (options.json) process.stdout.write(`${JSON.stringify(report.json)}\n`);
  if (!good)
    console.error('The demo did not raise exactly the one alert it should have: Ada in sample1.jpg.');
  if (brief) {
    await stopper.stop();
    process.exit(good ? 0 : 1);
  }

  say(`The server stays up.
${describe(up)}
Ask it where she was seen last, in another terminal:
  npm run watchpost -- sql "select person, location, seen_at, similarity from watchpost.last_seen"
Start a second worker:
  npm run worker
Stop with Ctrl-C.`);
  await ended;
};

const isExpected = ({ json }: DemoReport): boolean => {
  const [alert, ...others] = json.alerts;
  return others.length === 0 && alert?.person === reference.name && alert.photo === 'sample1.jpg';
};

/** Makes cameras, a list of its own, and the person; waits until her reference is there. */
const enrol = async ({ url, apiKey, database }: Up, narrator: Narrator): Promise<{ watchlistId: string }> => {
  // The lists of earlier demos hold the same woman; only this run's shall find her.
  await database.pool.query(
    `update watchpost.watchlist set enabled = false where purpose = 'demo' and enabled`,
  );
  await database.pool.query(`
    insert into watchpost.camera (name, location, zone)
    values ('demo north gate', 'North gate', 'outside'), ('demo lobby', 'Lobby, ground floor', 'inside')
    on conflict (name) do nothing
  `);
  const list = await addWatchlist(database.db, { name: `demo ${new Date().toISOString()}`, purpose: 'demo' });

  const call = caller(url, apiKey);
  const person = await call<{ id: string }>('/v1/persons', JSON.stringify({ name: reference.name }));
  await addToWatchlist(database.db, list.id, person.id);
  const form = new FormData();
  form.append('image', new Blob([await readFile(photoFile(reference.photo))]), reference.photo);
  form.append('face', String(reference.face));
  // An earlier demo has enrolled her, too.
  form.append('accept', 'face_of_another');
  const photo = await call<{ image_id: string }>(`/v1/persons/${person.id}/photos`, form);
  narrator.follow(photo.image_id, reference.photo, 'enrol');
  const { state, message } = await untilEnded(database, photo.image_id);
  if (state !== 'done') throw new CommandError(`${reference.name} was not enrolled: ${message}`);
  return { watchlistId: list.id };
};

/** One after the other, as frames come in; none waits for the processing of the one before. */
const submitFrames = async (up: Up, narrator: Narrator): Promise<Submission[]> => {
  const ways = { POST: submitByPost, INSERT: submitByInsert, command: submitByCommand };
  const submissions: Submission[] = [];
  for (const { photo, camera, way } of frames) {
    const submission = { photo, way, ...(await ways[way](up, photo, camera)) };
    narrator.follow(submission.imageId, photo, way);
    submissions.push(submission);
  }
  return submissions;
};

type Sent = Pick<Submission, 'imageId' | 'sentAt'>;

const submitByPost = async ({ url, apiKey }: Up, photo: string, camera: string): Promise<Sent> => {
  const form = new FormData();
  form.append('image', new Blob([await readFile(photoFile(photo))]), photo);
  form.append('camera', camera);
  const sentAt = new Date();
  const { id } = await caller(url, apiKey)<{ id: string }>('/v1/images', form);
  return { imageId: id, sentAt };
};

/** As any program that can reach Postgres does it. */
const submitByInsert = async ({ database }: Up, photo: string, camera: string): Promise<Sent> => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const bytes = await readFile(photoFile(photo));
    const sentAt = new Date();
    const { rows } = await client.query<{ id: string }>(
      `insert into watchpost.image (camera_id, bytes)
       values ((select id from watchpost.camera where name = $1), $2)
       returning id`,
      [camera, bytes],
    );
    return { imageId: (rows[0] as { id: string }).id, sentAt };
  } finally {
    await client.end();
  }
};

/** The time counts from the arrival of the row: starting a program is not part of it. */
const submitByCommand = async ({ database }: Up, photo: string, camera: string): Promise<Sent> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [mainFile, 'submit', photoFile(photo), '--camera', camera, '--json'],
    { env: { ...process.env, DATABASE_URL: database.url } },
  );
  const { id } = JSON.parse(stdout) as { id: string };
  const { received_at } = await database.db
    .selectFrom('watchpost.image')
    .select('received_at')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return { imageId: id, sentAt: received_at };
};

const caller =
  (url: string, apiKey: string) =>
  async <T>(path: string, body: FormData | string): Promise<T> => {
    const headers: Record<string, string> = { authorization: `Bearer ${apiKey}` };
    if (typeof body === 'string') headers['content-type'] = 'application/json';
    const response = await fetch(new URL(path, url), { method: 'POST', headers, body });
    if (!response.ok)
      throw new CommandError(`POST ${path} answered ${response.status}: ${await response.text()}`);
    return response.json() as Promise<T>;
  };
