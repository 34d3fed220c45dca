import { Hono } from 'hono';
import { z } from 'zod';
import { name, nextOf, pageLimit, searchWord, sourceUrl } from '../fields.ts';
import { limits } from '../limits.ts';
import { faceRanges, rotations } from '../vision/index.ts';
import {
  addCamera,
  readCamera,
  readCameras,
  readPlaces,
  removeCamera,
  setCamera,
} from '../watchlist/registry.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import * as answer from './schemas/registers.ts';
import type { Served } from './services.ts';

const unit = z.number().min(0).max(1);
const side = z.number().gt(0, 'give a share above 0 and up to 1').max(1, 'give a share above 0 and up to 1');
const newCamera = z.strictObject({
  name,
  location: name,
  zone: name.nullable().optional(),
  faces: z.enum(faceRanges).optional(),
  plan: z
    .strictObject({ id: z.guid(), x: unit, y: unit })
    .nullable()
    .optional()
    .meta({ description: 'Where it is on a plan: 0, 0 is the upper left corner. Null: on none.' }),
  silent_after_seconds: z
    .number()
    .min(1, 'give 1 to 31536000 seconds, or null')
    .max(limits.intervalSeconds.max, 'give 1 to 31536000 seconds, or null')
    .nullable()
    .optional(),
  frames_per_second: z
    .number()
    .gt(0, 'give a number above 0 and up to 60, or null')
    .max(60, 'give a number above 0 and up to 60, or null')
    .nullable()
    .optional()
    .meta({ description: 'Frames that are taken a second. Null: it sends single photos.' }),
  track_gap_seconds: z
    .number()
    .min(0.1, 'give 0.1 to 31536000 seconds')
    .max(limits.intervalSeconds.max, 'give 0.1 to 31536000 seconds')
    .optional()
    .meta({ description: 'Faces of one person that are seen again within it are one passage.' }),
  still_difference: z
    .number()
    .gt(0, 'give a number above 0 and up to 255, or null')
    .max(255, 'give a number above 0 and up to 255, or null')
    .nullable()
    .optional()
    .meta({
      description:
        'A frame that differs from one of the last ten seconds by no more than this is not searched: nothing has moved. Null: each is searched.',
    }),
  source: sourceUrl
    .nullable()
    .optional()
    .meta({ description: 'Where a worker with --watch takes its frames from. Null: they are submitted.' }),
  rotation: z
    .union(
      rotations.map((degrees) => z.literal(degrees)),
      'give 0, 90, 180, 270 or null',
    )
    .nullable()
    .optional()
    .meta({
      description:
        'Degrees clockwise until its photos are upright. Null: found out by itself, if it has frames_per_second.',
    }),
  frame_width: z
    .int('give 64 to 7680 pixels, or null')
    .min(64, 'give 64 to 7680 pixels, or null')
    .max(7680, 'give 64 to 7680 pixels, or null')
    .nullable()
    .optional()
    .meta({ description: 'Wider frames of the source are reduced to so many pixels. Null: none is.' }),
  region: z
    .strictObject({ x: unit, y: unit, width: side, height: side })
    .refine(
      ({ x, y, width, height }) => x + width < 1.0001 && y + height < 1.0001,
      'it ends outside the frame',
    )
    .nullable()
    .optional()
    .meta({
      description: 'The part of the frames of the source that is taken, as shares of their width and height.',
    }),
  site: searchWord.optional(),
});
const changes = newCamera.omit({ site: true }).partial();
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });

/** POST and GET /v1/cameras; GET, PATCH and DELETE /v1/cameras/{id}. */
export const cameras = () =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Add a camera',
        scope: 'administer',
        body: newCamera,
        creates: true,
        answers: { 201: answer.newCamera },
        errors: ['name_taken', 'site_unknown', 'plan_unknown', 'url_invalid'],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        const camera = await asCaller(c, (trx) => addCamera(trx, wanted));
        c.header('Location', `/v1/cameras/${camera.id}`);
        return c.json(camera, 201);
      },
    )
    .get(
      '/',
      operation({
        summary: 'List the cameras in use, by name',
        scope: 'read',
        query: page,
        answers: { 200: answer.cameraPage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await readCameras(c.get('db'), wanted);
        return c.json({ cameras: found, next: nextOf(found, wanted.limit, (camera) => camera.name) });
      },
    )
    .get(
      '/:id',
      operation({
        summary: 'A camera and where it was',
        scope: 'read',
        answers: { 200: answer.cameraReport },
        errors: ['camera_not_there'],
      }),
      async (c) => {
        const camera = await readCamera(c.get('db'), idIn(c));
        return c.json({ ...camera, places: await readPlaces(c.get('db'), camera.id) });
      },
    )
    .patch(
      '/:id',
      operation({
        summary: 'Change a camera',
        scope: 'administer',
        body: changes,
        answers: { 200: answer.camera },
        errors: ['camera_not_there', 'name_taken', 'plan_unknown', 'url_invalid'],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => setCamera(trx, id, wanted)));
      },
    )
    .delete(
      '/:id',
      operation({
        summary: 'Remove a camera',
        scope: 'administer',
        answers: { 204: null },
        errors: ['camera_not_there', 'camera_in_use'],
      }),
      async (c) => {
        const id = idIn(c);
        await asCaller(c, (trx) => removeCamera(trx, id));
        return c.body(null, 204);
      },
    );
