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
import { idIn, readJson, readQuery } from './body.ts';
import type { Served, Services } from './services.ts';

const newCamera = z.strictObject({
  name,
  location: name,
  zone: name.nullable().optional(),
  faces: z.enum(faceRanges).optional(),
});
const changes = newCamera.partial();
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });

/** POST and GET /v1/cameras; GET, PATCH and DELETE /v1/cameras/{id}. */
export const cameras = ({ database }: Services) =>
  new Hono<Served>()
    .post('/', async (c) => {
      const wanted = await readJson(c, newCamera);
      const camera = await asCaller(database, c.get('caller'), (trx) => addCamera(trx, wanted));
      c.header('Location', `/v1/cameras/${camera.id}`);
      return c.json(camera, 201);
    })
    .get('/', async (c) => {
      const wanted = readQuery(c, page);
      const found = await readCameras(database.db, wanted);
      return c.json({ cameras: found, next: nextOf(found, wanted.limit, (camera) => camera.name) });
    })
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
