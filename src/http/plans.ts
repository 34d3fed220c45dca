import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { name, nextOf, pageLimit, searchWord } from '../fields.ts';
import { inspectPhoto } from '../intake/index.ts';
import type { Turns } from '../search/index.ts';
import { redraw } from '../vision/index.ts';
import { addPlan, readPlan, readPlanPicture, readPlans, removePlan, setPlan } from '../watchlist/registry.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import { readPhotoBody } from './photo-body.ts';
import { plan, planPage } from './schemas/registers.ts';
import type { Served, Services } from './services.ts';

const newPlan = z.strictObject({ name, site: searchWord.optional() });
const changes = z.strictObject({ name: name.optional() });
const nothing = z.strictObject({});
const page = z.strictObject({ after: searchWord.optional(), limit: pageLimit });

/**
 * POST and GET /v1/plans; GET, PATCH and DELETE /v1/plans/{id}; GET and PUT …/image. Cameras are placed by PATCH
 * /v1/cameras/{id}.
 *
 * @param turns bounds the pictures that this process decodes.
 */
export const plans = ({ config: { maxBodyBytes, maxPixels } }: Services, turns: Turns) => {
  /** The picture in a body, with the other fields, as it is to be stored. */
  const readPicture = async <Fields>(c: Context<Served>, schema: z.ZodType<Fields>) => {
    const { bytes, fields } = await readPhotoBody(c, maxBodyBytes, schema);
    await inspectPhoto(bytes, { maxPixels });
    return { fields, picture: await turns.take(() => redraw(bytes, { maxPixels })) };
  };
  return new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Add a plan: a floor plan or a map',
        description:
          'A WebP is made of the picture, without metadata, 4096 pixels wide or high at most. SVG and PDF are not read.',
        scope: 'administer',
        photo: newPlan,
        creates: true,
        answers: { 201: plan },
        errors: ['name_taken', 'site_unknown', 'search_busy'],
      }),
      async (c) => {
        const { fields, picture } = await readPicture(c, newPlan);
        const added = await asCaller(c, (trx) => addPlan(trx, { ...fields, picture }));
        c.header('Location', `/v1/plans/${added.id}`);
        return c.json(added, 201);
      },
    )
    .get(
      '/',
      operation({
        summary: 'List plans with the cameras on them, by name',
        scope: 'read',
        query: page,
        answers: { 200: planPage },
      }),
      async (c) => {
        const wanted = c.req.valid('query');
        const found = await readPlans(c.get('db'), wanted);
        return c.json({ plans: found, next: nextOf(found, wanted.limit, (one) => one.name) });
      },
    )
    .get(
      '/:id',
      operation({
        summary: 'A plan with the cameras on it',
        scope: 'read',
        answers: { 200: plan },
        errors: ['plan_unknown'],
      }),
      async (c) => c.json(await readPlan(c.get('db'), idIn(c))),
    )
    .patch(
      '/:id',
      operation({
        summary: 'Rename a plan',
        scope: 'administer',
        body: changes,
        answers: { 200: plan },
        errors: ['plan_unknown', 'name_taken'],
      }),
      async (c) => {
        const id = idIn(c);
        const wanted = c.req.valid('json');
        return c.json(await asCaller(c, (trx) => setPlan(trx, id, wanted)));
      },
    )
    .delete(
      '/:id',
      operation({
        summary: 'Remove a plan; the cameras on it are then on none',
        scope: 'administer',
        answers: { 204: null },
        errors: ['plan_unknown'],
      }),
      async (c) => {
        const id = idIn(c);
        await asCaller(c, (trx) => removePlan(trx, id));
        return c.body(null, 204);
      },
    )
    .get(
      '/:id/image',
      operation({
        summary: 'The picture of a plan',
        scope: 'read',
        answers: { 200: { type: ['image/webp', 'image/png', 'image/jpeg'] } },
        errors: ['plan_unknown'],
      }),
      async (c) => {
        const { image, mime } = await readPlanPicture(c.get('db'), idIn(c));
        return c.body(new Uint8Array(image), 200, { 'content-type': mime });
      },
    )
    .put(
      '/:id/image',
      operation({
        summary: 'Give a plan another picture; the cameras stay where they are on it',
        scope: 'administer',
        photo: nothing,
        answers: { 200: plan },
        errors: ['plan_unknown', 'search_busy'],
      }),
      async (c) => {
        const id = idIn(c);
        const { picture } = await readPicture(c, nothing);
        return c.json(await asCaller(c, (trx) => setPlan(trx, id, { picture })));
      },
    );
};
