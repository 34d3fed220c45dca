import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { WatchpostError } from '../errors.ts';
import { capturedAt, searchWord } from '../fields.ts';
import { Backlog, fetchPhoto, inspectPhoto, submitPhoto, untilEnded } from '../intake/index.ts';
import { publicOnly } from '../outgoing/index.ts';
import { addressOf } from './address.ts';
import { idIn } from './body.ts';
import { idempotencyKey } from './idempotency.ts';
import { readImage } from './image-report.ts';
import { operation } from './operation.ts';
import { readPhotoBody } from './photo-body.ts';
import { imageReport, submitted } from './schemas/images.ts';
import type { Served, Services } from './services.ts';

// Strict: a misspelt `camera` would otherwise give a photo without one.
const photoFields = z.strictObject({
  camera: searchWord.optional(),
  captured_at: capturedAt.optional(),
});

/** POST /v1/images submits a photo; GET /v1/images/{id} reports its state and what was found in it. */
export const images = ({ config, database, stopping }: Services) => {
  const backlog = new Backlog(database, config);
  return new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Submit a photo',
        description: 'It is stored when the answer arrives, and processed afterwards.',
        scope: 'submit',
        photo: photoFields,
        photoByUrl: true,
        creates: 'itself',
        answers: { 202: submitted },
        errors: [
          'camera_unknown',
          'camera_required',
          'backlog_full',
          'url_invalid',
          'address_refused',
          'photo_url_off',
          'photo_url_failed',
        ],
      }),
      async (c) => {
        const submittedBy = c.get('actor');
        const key = c.get('key');
        await backlog.assertRoom(submittedBy, key.maxBacklog);
        const { bytes, fields } = await readPhotoBody(c, config.maxBodyBytes, photoFields, byUrl(config));
        await inspectPhoto(bytes, { maxPixels: config.maxPixels });
        const { id, known } = await submitPhoto(database, {
          bytes,
          camera: fields.camera,
          capturedAt: fields.captured_at,
          idempotencyKey: idempotencyKey(c),
          submittedBy,
          requestId: c.get('requestId'),
          traceparent: traceparentOf(c),
          seenBy: c.get('db') === database.db ? undefined : c.get('db'),
        });
        backlog.entered(submittedBy);
        const address = `/v1/images/${id}`;
        c.header('Location', address);
        return c.json({ id, known, state: 'received' as const, status_url: addressOf(c, address) }, 202);
      },
    )

    .get(
      '/:id',
      operation({
        summary: 'The state of a photo and what was found in it',
        description: 'Prefer: wait=N waits up to N seconds, 60 at most, until the photo is done or failed.',
        scope: 'read',
        headers: z.object({ prefer: z.string().optional() }),
        answers: { 200: imageReport },
        errors: ['image_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        const seconds = secondsToWait(c);
        if (seconds > 0) {
          const ends = [c.req.raw.signal, AbortSignal.timeout(seconds * 1000)];
          if (stopping) ends.push(stopping);
          // Another site's photo is not waited for, as little as one that does not exist.
          await readImage(c.get('db'), id);
          await untilEnded(database, id, AbortSignal.any(ends));
          c.header('Preference-Applied', `wait=${seconds}`);
        }
        return c.json(await readImage(c.get('db'), id));
      },
    );
};

/** The trace of this call, or else the one that the submitter names; one that is malformed does not count. */
const traceparentOf = (c: Context<Served>): string | undefined => {
  const given = c.get('traceparent') ?? c.req.header('traceparent');
  return given !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(given) ? given : undefined;
};

/** How a photo is fetched that is given by its URL. */
const byUrl =
  ({ ingestUrl, outgoing = publicOnly, maxBodyBytes, fetchSeconds }: Services['config']) =>
  (url: string): Promise<Buffer> => {
    if (ingestUrl) return fetchPhoto(url, outgoing, { maxBytes: maxBodyBytes, seconds: fetchSeconds });
    throw new WatchpostError('photo_url_off', 'Photos are not fetched by URL here.', {
      hint: 'Send the photo itself, or start the API with WATCHPOST_INGEST_URL=on.',
    });
  };

/** Seconds to wait, from `Prefer: wait=N`; at most 60, as many proxies cut off longer calls. */
const secondsToWait = (c: Context<Served>): number => {
  const [, seconds] = /(?:^|[,;\s])wait=(\d+)/i.exec(c.req.header('prefer') ?? '') ?? [];
  return Math.min(Number(seconds ?? 0), 60);
};
