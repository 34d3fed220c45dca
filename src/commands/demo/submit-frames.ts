import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import pg from 'pg';
import { type Client, createClient } from '../../client/index.ts';
import { bodyOf } from '../program/api.ts';
import type { Up } from '../up.ts';
import type { Narrator } from './narrator.ts';

const mainFile = fileURLToPath(new URL('../../main.ts', import.meta.url));
const photoFile = (name: string): string =>
  fileURLToPath(import.meta.resolve(`@vladmandic/face-api/demo/${name}`));

/** The frames, each by one of the three ways in. The enrolled woman is in the first one. */
const frames = [
  { photo: 'sample1.jpg', camera: 'demo north gate', way: 'POST' },
  { photo: 'sample2.jpg', camera: 'demo lobby', way: 'INSERT' },
  { photo: 'sample4.jpg', camera: 'demo north gate', way: 'POST' },
  { photo: 'sample5.jpg', camera: 'demo lobby', way: 'INSERT' },
  { photo: 'sample6.jpg', camera: 'demo lobby', way: 'command' },
] as const;

/** A submitted frame: how, its image, and when it was sent. */
export interface Submission {
  readonly photo: string;
  readonly way: string;
  readonly imageId: string;
  readonly sentAt: Date;
}

/** A running installation, and a key that may submit and enrol. */
export type Called = Up & { readonly key: string };

/** Submits the frames one after the other, without waiting until one is processed. */
export const submitFrames = async (
  up: Called,
  environment: Record<string, string | undefined>,
  narrator: Narrator,
): Promise<Submission[]> => {
  const ways = {
    POST: submitByPost,
    INSERT: submitByInsert,
    command: (...frame: Parameters<typeof submitByPost>) => submitByCommand(environment, ...frame),
  };
  const submissions: Submission[] = [];
  for (const { photo, camera, way } of frames) {
    const submission = { photo, way, ...(await ways[way](up, photo, camera)) };
    narrator.follow(submission.imageId, photo, way);
    submissions.push(submission);
  }
  return submissions;
};

type Sent = Pick<Submission, 'imageId' | 'sentAt'>;

const submitByPost = async (up: Called, photo: string, camera: string): Promise<Sent> => {
  const sentAt = new Date();
  const form = { image: await photoOf(photo), camera };
  const { id } = await bodyOf(clientOf(up).v1.images.$post({ form }));
  return { imageId: id, sentAt };
};

/** As any program does it that can reach Postgres. */
const submitByInsert = async ({ database }: Up, photo: string, camera: string): Promise<Sent> => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    const bytes = await readFile(photoFile(photo));
    const sentAt = new Date();
    const { rows } = await client.query<{ id: string }>(
      `insert into watchpost.image (camera_id, bytes)
       values (watchpost.find_camera($1), $2)
       returning id`,
      [camera, bytes],
    );
    return { imageId: (rows[0] as { id: string }).id, sentAt };
  } finally {
    await client.end();
  }
};

/** Sent when the row arrived: the start of the program does not count. */
const submitByCommand = async (
  environment: Record<string, string | undefined>,
  { database }: Up,
  photo: string,
  camera: string,
): Promise<Sent> => {
  const { stdout } = await promisify(execFile)(
    execPath,
    [mainFile, 'submit', photoFile(photo), '--camera', camera, '--json'],
    { env: { ...environment, DATABASE_URL: database.url } },
  );
  const { id } = JSON.parse(stdout) as { id: string };
  const { received_at } = await database.db
    .selectFrom('watchpost.image')
    .select('received_at')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return { imageId: id, sentAt: received_at };
};

/** A photo of the demo, to be sent in a form. */
export const photoOf = async (name: string): Promise<File> =>
  new File([await readFile(photoFile(name))], name);

/** The API of this process, called as any client does. */
export const clientOf = ({ url, key }: Called): Client => createClient({ url, key });
