import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { nextOf, pageLimit } from '../fields.ts';
import {
  countErased,
  type Erasing,
  erasedThings,
  eraseForGood,
  listErasures,
} from '../watchlist/registry.ts';
import { asCaller, transactions } from './as-caller.ts';
import { idIn } from './body.ts';
import { operation } from './operation.ts';
import * as answer from './schemas/erasures.ts';
import type { Served } from './services.ts';

/** A call erases for so long, in ms, and leaves the rest to the next: a request may take two minutes. */
const erasesForMs = 60_000;

const ofImage = z.strictObject({ dry_run: z.boolean().optional() });
const ofPerson = ofImage.extend({ with_matched_faces: z.boolean().optional() });
const listed = z.strictObject({
  what: z.enum(erasedThings).optional(),
  after: z.guid().optional(),
  limit: pageLimit,
});

const answers = { 200: z.union([answer.erased, answer.rehearsed]), 202: answer.erased };

/** POST /v1/persons/{id}/erasure erases a person for good: beside the routes of persons.ts. */
export const personErasures = () =>
  new Hono<Served>().post(
    '/:id/erasure',
    operation({
      summary: 'Erase a person for good',
      description:
        'Rows, photos, crops, vectors, alerts, notes, and what events say about them. 202: not finished; call again.',
      scope: 'administer',
      body: ofPerson,
      optionalBody: true,
      answers,
      errors: ['person_unknown', 'person_merged'],
    }),
    (c) => {
      const { with_matched_faces: withMatchedFaces, dry_run } = c.req.valid('json');
      return erase(c, { what: 'person', id: idIn(c), withMatchedFaces }, dry_run);
    },
  );

/** POST /v1/images/{id}/erasure erases an image for good: beside the routes of images.ts. */
export const imageErasures = () =>
  new Hono<Served>().post(
    '/:id/erasure',
    operation({
      summary: 'Erase an image for good',
      description: 'With all that was found in it, also if an alert rests on it or it enrols somebody.',
      scope: 'administer',
      body: ofImage,
      optionalBody: true,
      answers,
      errors: ['image_unknown'],
    }),
    (c) => erase(c, { what: 'image', id: idIn(c) }, c.req.valid('json').dry_run),
  );

/** GET /v1/erasures lists the receipts, the latest first. */
export const erasures = () =>
  new Hono<Served>().get(
    '/',
    operation({
      summary: 'List the receipts of erasures, the latest first',
      description: 'what=purge lists those of what the rules of retention have deleted, one a batch.',
      scope: 'administer',
      query: listed,
      answers: { 200: answer.erasurePage },
    }),
    async (c) => {
      const page = c.req.valid('query');
      const found = await listErasures(c.get('db'), page);
      return c.json({ erasures: found, next: nextOf(found, page.limit, ({ id }) => id) });
    },
  );

const erase = async (c: Context<Served>, erasing: Erasing, dryRun = false) => {
  if (dryRun) {
    return c.json(
      { dry_run: true as const, counts: await asCaller(c, (trx) => countErased(trx, erasing)) },
      200,
    );
  }
  const begun = performance.now();
  const erased = await eraseForGood(transactions(c), erasing, {
    until: () => performance.now() - begun > erasesForMs,
  });
  return c.json(erased, erased.finished_at ? 200 : 202);
};
