import { z } from 'zod';
import { bridgeKinds } from '../../bridge/index.ts';
import { kindNames } from '../../endpoints/kinds/kind.ts';
import { weekdays } from '../../schedule.ts';
import { faceRanges } from '../../vision/index.ts';
import { sounds, thresholdNames } from '../../watchlist/registry.ts';
import { color, count, id, page, rotation, severity, share, text, time } from './fields.ts';

const place = { name: text, location: text, zone: text.nullable() };

/** Where something is on a plan. */
export const planPoint = z.strictObject({ id, x: share, y: share }).meta({
  id: 'PlanPoint',
  description: 'On a plan: 0, 0 is the upper left corner, 1, 1 the lower right one.',
});

export const plan = z
  .strictObject({
    id,
    name: text,
    site: text,
    width: count,
    height: count,
    created_at: time,
    cameras: z
      .array(z.strictObject({ id, name: text, x: share, y: share }))
      .meta({ description: 'The cameras in use that are placed on it, by name.' }),
  })
  .meta({ id: 'Plan' });

export const planPage = page('plans', plan);

const site = text.meta({ description: 'Name of the site that it belongs to.' });

/** A part of a frame. */
export const region = z.strictObject({ x: share, y: share, width: share, height: share }).meta({
  id: 'Region',
  description: 'A part of a frame, as shares of its width and height.',
});

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
  frames_per_second: z.number().positive().nullable(),
  track_gap_seconds: z.number().positive(),
  still_difference: z.number().positive().nullable(),
  source: text.nullable().meta({ description: 'Without user and password.' }),
  rotation: rotation.nullable(),
  frame_width: count.nullable(),
  region: region.nullable(),
  site,
  plan: planPoint.nullable(),
});

/** How the source of a camera is watched. */
export const watch = z
  .strictObject({
    worker: id.nullable().meta({ description: 'Which worker watches it; null: none does now.' }),
    state: z.enum(['unwatched', 'connecting', 'watching', 'ended']).meta({
      description: 'connecting: or waiting to connect again. ended: as at the end of a video.',
    }),
    problem: text.nullable().meta({ description: 'Why no frames come, without credentials.' }),
    connected_at: time.nullable().meta({ description: 'Since when frames come, without a break.' }),
    last_frame_at: time.nullable(),
    read: count.meta({ description: 'Frames that came; this and the following since it was first watched.' }),
    submitted: count.meta({ description: 'Frames that became images.' }),
    known: count.meta({ description: 'Frames that were images already.' }),
    dropped: count.meta({ description: 'Frames that the workers were too slow for.' }),
    still_last_minute: count.meta({
      description: 'Images of the last minute in which nothing had moved, so that they were not searched.',
    }),
    reconnects: count,
  })
  .meta({ id: 'Watch' });

export const camera = newCamera
  .extend({
    watch: watch.nullable().meta({ description: 'Null: it has no source, or none that was watched yet.' }),
    silent_since: time
      .nullable()
      .meta({ description: 'When its latest photo arrived, while the alarm camera.silent is on.' }),
    created_at: time,
    last_image: z
      .strictObject({ id, captured_at: time, faces: count })
      .nullable()
      .meta({ description: 'Its latest photo, by the time when it was taken; null: it has none.' }),
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
    min_looks: count.meta({
      description: 'So many faces of a track must reach the threshold by themselves.',
    }),
    min_share: share.meta({ description: 'The share of the good faces of a track that must do so.' }),
    cooldown_seconds: z.number().min(0),
    enabled: z.boolean(),
    valid_from: time.nullable(),
    valid_until: time.nullable(),
    in_force: z.boolean(),
    reviewers: count,
    page_retroactive: z.boolean(),
    color: color.nullable().meta({ description: 'Of its alerts on screens; null: that of their severity.' }),
    sound: z.enum(sounds),
    must_acknowledge: z.boolean().meta({
      description:
        'Its alerts stay in front, and the sound is repeated, until somebody has acknowledged or decided them.',
    }),
    cameras: z.array(id).nullable().meta({
      description:
        'Only photos of these cameras, and of the zones, are compared with it. Null, and zones too: all.',
    }),
    zones: z.array(text).nullable(),
    version: count,
    changed_at: time,
    persons: count,
  })
  .meta({ id: 'Watchlist' });

export const watchlistPage = page('watchlists', watchlist);

export const newEndpoint = z
  .strictObject({ id, secret: text.nullable().meta({ description: 'Of a webhook.' }) })
  .meta({ id: 'NewEndpoint' });

export const paging = z
  .strictObject({
    time_zone: text,
    quiet: z.array(
      z.strictObject({ days: weekdays, begins: text, ends: text }).meta({
        description: 'Days on which they begin, 1 is Monday. They may end on the next day.',
      }),
    ),
    critical_pierces: z.boolean(),
    at_most: count.nullable(),
    within_seconds: z.number().min(0).nullable(),
    escalate_after_seconds: z.number().min(0).nullable(),
    steps: z.array(text),
  })
  .meta({ id: 'Paging' });

export const endpoint = z
  .strictObject({
    id,
    name: text,
    url: z.url(),
    kind: z.enum(kindNames),
    settings: z.record(z.string(), text),
    has_credential: z.boolean(),
    site: text.nullable().meta({ description: 'Null: it is sent the alerts of all sites.' }),
    internal: z.boolean().meta({ description: 'It may be in a network of your own, or without TLS.' }),
    title_template: text.nullable(),
    text_template: text.nullable(),
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

export const bridge = z
  .strictObject({
    id,
    site_id: id.nullable().meta({
      description: 'Whose events are published, or to whose cameras photos come. Null: all sites.',
    }),
    name: text,
    kind: z.enum(bridgeKinds),
    direction: z.enum(['in', 'out']),
    url: text,
    address: text,
    topics: z.array(text),
    mode: z.enum(['structured', 'binary']),
    camera: text.nullable().meta({ description: 'Of photos whose message names none.' }),
    has_credentials: z.boolean(),
    enabled: z.boolean(),
    connected: z.boolean(),
    connected_at: time.nullable().meta({ description: 'Since when; null: it is not.' }),
    error: text.nullable().meta({ description: 'Why the latest attempt has failed; null: it has not.' }),
    published: count,
    received: count.meta({ description: 'Messages that were acknowledged, the refused ones too.' }),
    refused: count.meta({ description: 'Of those received: they became no photo.' }),
    last_at: time.nullable().meta({ description: 'When a message was last published or received.' }),
    position: text.nullable().meta({
      description: 'Out: up to which event the broker has all of them. As a Last-Event-ID of GET /v1/events.',
    }),
    waiting: count.meta({
      description:
        'Out: events that are still to be published, 10000 at most, among the next 20000 of the record.',
    }),
    waiting_since: time.nullable().meta({ description: 'Since when the first of them waits.' }),
    created_at: time,
  })
  .meta({ id: 'Bridge' });

export const bridgePage = page('bridges', bridge);

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
