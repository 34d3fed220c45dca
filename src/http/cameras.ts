import { Hono } from 'hono';
import { z } from 'zod';
import { name, nextOf, pageLimit, searchWord } from '../fields.ts';
import { faceRanges } from '../vision/index.ts';
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
        errors: ['name_taken', 'site_unknown', 'plan_unknown'],
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
        errors: ['camera_not_there', 'name_taken', 'plan_unknown'],
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
