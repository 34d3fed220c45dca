import type { Database } from '../database/pool.ts';
import {
  type Found,
  type PhotoStatus,
  readFound,
  type SubmittedPhoto,
  submitPhoto,
  untilEnded,
} from '../intake/index.ts';
import { bodyOf, openClient } from './program/api.ts';
import { connect } from './program/connect.ts';
import type { Io } from './program/io.ts';
import type { Context } from './program/session.ts';

/** What is sent with each photo. */
export interface Fields {
  readonly camera?: string | undefined;
  readonly capturedAt?: string | undefined;
  /** Under the same key a photo is submitted once. */
  readonly idempotencyKey?: string | undefined;
}

/** How a photo ended, and whom it shows, the most similar first. */
export type Ended = PhotoStatus & { readonly found: readonly Found[] };

/** Where photos are submitted to. */
export interface Way {
  /**
   * @param fields of this photo, in place of those of all.
   * @returns the photo, which may be there already.
   */
  submit(bytes: Buffer, file: string, fields?: Fields): Promise<SubmittedPhoto>;
  /** Says, before a wait, if it will be long. */
  prepareToWait(): Promise<void>;
  /** Resolves when a photo is done or failed. */
  untilEnded(id: string): Promise<Ended>;
}

/**
 * By the functions of the database.
 *
 * @throws {WatchpostError} camera_unknown, by SQLSTATE.
 */
export const byDatabase = async (context: Context, { camera, capturedAt }: Fields): Promise<Way> => {
  const database = await connect(context);
  const cameraId = camera === undefined ? undefined : await findCamera(database, camera);
  return {
    submit: (bytes, _, fields) => submitPhoto(database, { bytes, camera: cameraId, capturedAt, ...fields }),
    prepareToWait: () => warnWithoutWorker(context.io, database),
    async untilEnded(id) {
      const ended = await untilEnded(database, id);
      return { ...ended, found: ended.matches > 0 ? await readFound(database, id) : [] };
    },
  };
};

/** By the API of another process. */
export const byApi = (context: Context, url: string, { camera, capturedAt }: Fields): Way => {
  const { images } = openClient(context, url).v1;
  return {
    async submit(bytes, file, own) {
      const { idempotencyKey, ...fields } = { camera, capturedAt, ...own };
      const form = {
        image: new File([new Uint8Array(bytes)], file),
        ...(fields.camera === undefined ? {} : { camera: fields.camera }),
        ...(fields.capturedAt === undefined ? {} : { captured_at: fields.capturedAt }),
      };
      const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
      return bodyOf(images.$post({ form }, { headers }));
    },
    prepareToWait: async () => {},
    async untilEnded(id) {
      for (;;) {
        const call = images[':id'].$get({ param: { id } }, { headers: { prefer: 'wait=30' } });
        const { state, code, message, damaged, ...report } = await bodyOf(call);
        if (state !== 'done' && state !== 'failed') continue;
        return {
          state,
          code,
          message,
          faces: report.faces.length,
          matches: report.matches.length,
          alerts: report.alerts.length,
          damaged: damaged ?? false,
          found: report.matches.toSorted((a, b) => b.similarity - a.similarity),
        };
      }
    },
  };
};

const findCamera = async ({ pool }: Database, name: string): Promise<string | undefined> =>
  (await pool.query<{ id: string }>('select watchpost.find_camera($1) as id', [name])).rows[0]?.id;

/** Warns, before a wait, if no worker is there to process anything. */
export const warnWithoutWorker = async (io: Io, database: Database): Promise<void> => {
  const { rows } = await database.pool.query(
    `select from watchpost.worker
     where concurrency > 0 and stopped_at is null and last_seen > clock_timestamp() - interval '30 seconds'
     limit 1`,
  );
  if (rows.length === 0)
    io.stderr.write('No worker is running, so this waits until there is one: npm run worker\n');
};
