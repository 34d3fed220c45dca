import { Hono } from 'hono';
import { z } from 'zod';
import { flag } from '../fields.ts';
import { listMerges } from '../watchlist/registry.ts';
import { listing, single } from './listing.ts';
import { mergeRecord } from './schemas/persons.ts';
import type { Served } from './services.ts';

/** GET /v1/merges lists who was merged into whom, GET /v1/merges/{id} has one. POST /v1/persons/{id}/merge makes one. */
export const merges = () =>
  new Hono<Served>()
    .get(
      '/',
      ...listing({
        summary: 'List who was merged into whom, the latest first',
        scope: 'read',
        name: 'merges',
        item: mergeRecord,
        filter: z.strictObject({
          person: z.guid().optional().meta({ description: 'Who was merged, or has everything of both.' }),
          undone: flag.optional(),
        }),
        read: listMerges,
      }),
    )
    .get(
      '/:id',
      ...single({
        summary: 'A merge of two people',
        scope: 'read',
        what: 'merge',
        item: mergeRecord,
        unknown: 'merge_unknown',
        read: listMerges,
      }),
    );
