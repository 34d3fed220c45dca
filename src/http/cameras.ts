import { Hono } from 'hono';
import { z } from 'zod';
import { name } from '../fields.ts';
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
import { idIn, readJson } from './body.ts';
import type { Served, Services } from './services.ts';

const newCamera = z.strictObject({
  name,
  location: name,
  zone: name.nullable().optional(),
  faces: z.enum(faceRanges).optional(),
});
const changes = newCamera.partial();

/** POST and GET /v1/cameras; GET, PATCH and DELETE /v1/cameras/{id}. */
export const cameras = ({ database }: Services) =>
  new Hono<Served>()
    .post('/', async (c) => {
      const wanted = await readJson(c, newCamera);
      const camera = await asCaller(database, c.get('caller'), (trx) => addCamera(trx, wanted));
      c.header('Location', `/v1/cameras/${camera.id}`);
      return c.json(camera, 201);
    })
    .get('/', async (c) => c.json({ cameras: await readCameras(database.db) }))
    .get('/:id', async (c) => {
      const camera = await readCamera(database.db, idIn(c));
      return c.json({ ...camera, places: await readPlaces(database.db, camera.id) });
    })
    .patch('/:id', async (c) => {
      const id = idIn(c);
      const wanted = await readJson(c, changes);
      return c.json(await asCaller(database, c.get('caller'), (trx) => setCamera(trx, id, wanted)));
    })
    .delete('/:id', async (c) => {
      const id = idIn(c);
      await asCaller(database, c.get('caller'), (trx) => removeCamera(trx, id));
      return c.body(null, 204);
    });
