import { z } from 'zod';
import { faceRanges } from '../../vision/index.ts';
import { thresholdNames } from '../../watchlist/registry.ts';
import { count, id, page, severity, share, text, time } from './fields.ts';

const place = { name: text, location: text, zone: text.nullable() };

const site = text.meta({ description: 'Name of the site that it belongs to.' });

/** The answer to the call that makes a camera. */
export const newCamera = z.strictObject({
  id,
  ...place,
  faces: z.enum(faceRanges),
  silent_after_seconds: z
    .number()
    .positive()
    .nullable()
    .meta({ description: 'Without a photo for so long the alarm camera.silent is raised; null: never.' }),
  site,
});

export const camera = newCamera
  .extend({
    silent_since: time
      .nullable()
      .meta({ description: 'When its latest photo arrived, while the alarm camera.silent is on.' }),
    created_at: time,
  })
  .meta({ id: 'Camera' });

export const cameraPage = page('cameras', camera);

export const cameraReport = camera
  .extend({
    places: z
      .array(z.strictObject({ since: time.nullable(), until: time.nullable(), ...place }))
      .meta({ description: 'Where it was, the first place first.' }),
  })
  .meta({ id: 'CameraReport' });

export const watchlist = z
  .strictObject({
    id,
    name: text,
    site,
    purpose: text,
    severity,
    threshold: share,
    threshold_name: z.enum(thresholdNames).nullable(),
    target_fpir: share.nullable(),
    cooldown_seconds: z.number().min(0),
    enabled: z.boolean(),
    valid_from: time.nullable(),
    valid_until: time.nullable(),
    in_force: z.boolean(),
    reviewers: count,
    page_retroactive: z.boolean(),
    version: count,
    changed_at: time,
    persons: count,
  })
  .meta({ id: 'Watchlist' });

export const watchlistPage = page('watchlists', watchlist);

export const newEndpoint = z.strictObject({ id, secret: text }).meta({ id: 'NewEndpoint' });

export const endpoint = z
  .strictObject({
    id,
    name: text,
    url: z.url(),
    min_severity: severity,
    time_to_live_seconds: z.number().min(0),
    enabled: z.boolean(),
    disabled_reason: text.nullable(),
    created_at: time,
    watchlists: z.array(text),
    sends: z.enum(['alerts', 'alarms', 'both', 'heads']),
    previous_secret_until: time.nullable(),
    due: count,
  })
  .meta({ id: 'Endpoint' });

export const endpointPage = page('endpoints', endpoint);

export const rotatedSecret = z.strictObject({ secret: text, previous_until: time.nullable() });

export const endpointAnswer = z
  .strictObject({
    status: z.int().nullable(),
    error: text.nullable(),
    durationMs: z.number().min(0),
    deliveryId: id,
    attempt: count,
  })
  .meta({ id: 'EndpointAnswer' });

export const delivery = z
  .strictObject({
    id,
    endpoint_id: id,
    endpoint: text,
    notification_id: id.nullable(),
    alert_id: id.nullable(),
    type: text.nullable(),
    state: text.nullable(),
    attempt: count,
    outcome: text.nullable(),
    started_at: time,
    status: z.int().nullable(),
    error: text.nullable(),
    duration_ms: z.number().nullable(),
  })
  .meta({ id: 'Delivery' });

export const deliveryPage = page('deliveries', delivery);
