import { Hono } from 'hono';
import { z } from 'zod';
import { name } from '../fields.ts';
import { addSite, readSite, readSites, removeSite, renameSite } from '../watchlist/registry.ts';
import { asCaller } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import * as answer from './schemas/sites.ts';
import type { Served } from './services.ts';

const named = z.strictObject({ name });

/** POST and GET /v1/sites; GET, PATCH and DELETE /v1/sites/{id}. A key sees its own sites; who sees all changes them. */
export const sites = () =>
  new Hono<Served>()
    .post(
      '/',
      operation({
        summary: 'Add a site',
        scope: 'administer',
        body: named,
        creates: true,
        answers: { 201: answer.site },
        errors: ['name_taken'],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        const site = await asCaller(c, (trx) => addSite(trx, wanted.name));
        c.header('Location', `/v1/sites/${site.id}`);
        return c.json(site, 201);
      },
    )
    .get(
      '/',
      operation({
        summary: 'List sites, by name',
        scope: 'read',
        answers: { 200: answer.siteList },
      }),
      async (c) => c.json({ sites: await readSites(c.get('db')) }),
    )
    .get(
      '/:id',
      operation({
        summary: 'A site',
        scope: 'read',
        answers: { 200: answer.site },
        errors: ['site_unknown'],
      }),
      async (c) => c.json(await readSite(c.get('db'), idIn(c))),
    )
    .patch(
      '/:id',
      operation({
        summary: 'Rename a site',
        scope: 'administer',
        body: named,
        answers: { 200: answer.site },
        errors: ['site_unknown', 'name_taken'],
      }),
      async (c) => {
        const wanted = c.req.valid('json');
        const id = idIn(c);
        return c.json(await asCaller(c, (trx) => renameSite(trx, id, wanted.name)));
      },
    )
    .delete(
      '/:id',
      operation({
        summary: 'Remove a site to which nothing belongs',
        scope: 'administer',
        answers: { 204: null },
        errors: ['site_unknown', 'site_in_use'],
      }),
      async (c) => {
        const id = idIn(c);
        await asCaller(c, (trx) => removeSite(trx, id));
        return c.body(null, 204);
      },
    );
