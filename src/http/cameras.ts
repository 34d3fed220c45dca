import { Hono } from 'hono';
import { z } from 'zod';
import { name } from '../fields.ts';
import { faceRanges } from '../vision/index.ts';
import { addCamera } from '../watchlist/registry.ts';
import { readJson } from './body.ts';
import type { Served, Services } from './services.ts';

const newCamera = z.strictObject({
  name,
  location: name,
  zone: name.optional(),
  faces: z.enum(faceRanges).optional(),
});

/** POST /v1/cameras adds a camera; GET /v1/cameras lists all. */
export const cameras = ({ database }: Services) =>
  new Hono<Served>()
    .post('/', async (c) => {
      const camera = await addCamera(database.db, await readJson(c, newCamera));
      return c.json(camera, 201);
    })
    .get('/', async (c) =>
      c.json({
        cameras: await database.db.selectFrom('watchpost.camera').selectAll().orderBy('name').execute(),
      }),
    );
