import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import type { Config } from '../config.ts';
import { toWatchpostError } from '../convert-error.ts';
import type { Database } from '../database/pool.ts';
import { WatchpostError } from '../errors.ts';
import { type Backlog, fetchPhoto, inspectPhoto, submitPhoto } from '../intake/index.ts';
import type { Bridge, Outcome, Received } from './bridge.ts';
import { type PhotoMessage, readPhotoMessage } from './photo-message.ts';

/** What receiving needs of the settings. */
export type ReceiveConfig = Pick<Config, 'maxBodyBytes' | 'maxPixels' | 'outgoing' | 'ingestUrl'>;

/** Milliseconds before each further attempt to fetch a photo by its URL. */
const fetchPauses = [1_000, 4_000];

/** What is no fault of the message: it has to come again. */
const passing = new Set([
  'database_unavailable',
  'backlog_full',
  'internal',
  'server_busy',
  'encryption_key_missing',
]);

/**
 * Makes an image of a message, once for each message id, or records why it becomes none.
 *
 * @throws {WatchpostError} if the message has to come again: the database is away, or too many photos wait.
 */
export const receiveMessage = async (
  database: Database,
  backlog: Backlog,
  config: ReceiveConfig,
  bridge: Bridge,
  message: Received,
): Promise<Outcome> => {
  const submittedBy = `bridge:${bridge.name}`;
  try {
    await backlog.assertRoom(submittedBy);
    const read = readPhotoMessage(message, config.maxBodyBytes);
    const camera = read.camera ?? bridge.camera ?? message.camera;
    await assertSite(database, bridge, camera);
    const bytes = Buffer.isBuffer(read.photo) ? read.photo : await fetchWithRetries(read.photo.url, config);
    await inspectPhoto(bytes, { maxPixels: config.maxPixels });
    const { id: image } = await submitPhoto(database, { ...photoOf(read), bytes, camera, submittedBy });
    backlog.entered(submittedBy);
    return { image };
  } catch (thrown) {
    const error = toWatchpostError(thrown);
    if (passing.has(error.code)) throw error;
    await refuse(database, bridge, message, error);
    return { code: error.code, reason: error.message };
  }
};

const photoOf = ({ idempotencyKey, capturedAt }: PhotoMessage) => ({ idempotencyKey, capturedAt });

/** The cameras of another site are not for a bridge that is bound to one. */
const assertSite = async (
  { db }: Database,
  { site_id }: Bridge,
  camera: string | undefined,
): Promise<void> => {
  if (site_id === null) return;
  const { rows } = await sql<{
    site: string | null;
  }>`select watchpost.site_of_photo(${camera ?? null}) as site`.execute(db);
  if (rows[0]?.site !== site_id)
    throw new WatchpostError('camera_unknown', 'The site of the bridge has no such camera.');
};

/** A server may be away for a moment; three attempts at most, as other messages wait. */
const fetchWithRetries = async (
  url: string,
  { ingestUrl, outgoing, maxBodyBytes }: ReceiveConfig,
): Promise<Buffer> => {
  if (!ingestUrl) {
    throw new WatchpostError('photo_url_off', 'Photos are not fetched by URL here.', {
      hint: 'Send the photo itself, or start the bridge with WATCHPOST_INGEST_URL=on.',
    });
  }
  for (const pause of fetchPauses) {
    try {
      return await fetchPhoto(url, outgoing, { maxBytes: maxBodyBytes });
    } catch (error) {
      if (!(error instanceof WatchpostError) || error.code !== 'photo_url_failed') throw error;
    }
    await sleep(pause);
  }
  return fetchPhoto(url, outgoing, { maxBytes: maxBodyBytes });
};

const refuse = async (
  { db }: Database,
  { id }: Bridge,
  message: Received,
  error: WatchpostError,
): Promise<void> => {
  const { body, place } = message;
  await sql`
    select watchpost.refuse_message(
      ${id}, ${message.id ?? null}, ${place}, ${body.length}, ${createHash('sha256').update(body).digest()},
      ${error.code}, ${error.message}
    )
  `.execute(db);
};
