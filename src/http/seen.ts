import { Hono } from 'hono';
import { z } from 'zod';
import { moment, searchWord } from '../fields.ts';
import { listSearches, listSightings, searchOutcomes } from '../watchlist/registry.ts';
import { listing, single } from './listing.ts';
import { search, sighting } from './schemas/seen.ts';
import type { Served } from './services.ts';

const seen = z.strictObject({
  image: z.guid().optional(),
  camera: searchWord.optional(),
  since: moment.optional(),
  until: moment.optional(),
});

/** GET /v1/sightings lists who was seen where, GET /v1/sightings/{id} has one. */
export const sightings = () =>
  new Hono<Served>()
    .get(
      '/',
      ...listing({
        summary: 'List who was seen when and where, those found last first',
        description:
          'One for each face, or track, and list; of what stands. since and until are of when the photo was taken.',
        scope: 'read',
        name: 'sightings',
        item: sighting,
        filter: seen.extend({ person: z.guid().optional(), watchlist: searchWord.optional() }),
        errors: ['camera_unknown', 'watchlist_unknown'],
        read: listSightings,
      }),
    )
    .get(
      '/:id',
      ...single({
        summary: 'A sighting',
        scope: 'read',
        what: 'sighting',
        item: sighting,
        unknown: 'sighting_unknown',
        read: listSightings,
      }),
    );

/** GET /v1/searches lists what became of each face, GET /v1/searches/{id} has one. */
export const pastSearches = () =>
  new Hono<Served>()
    .get(
      '/',
      ...listing({
        summary: 'List the searches that the pipeline made, the latest first',
        description:
          'One for each face and each time that it was compared with the lists, also of faces that matched nobody. since and until are of when it was made. Searches by photo are in /v1/access.',
        scope: 'read',
        name: 'searches',
        item: search,
        filter: seen.extend({ face: z.guid().optional(), outcome: z.enum(searchOutcomes).optional() }),
        errors: ['camera_unknown'],
        read: listSearches,
      }),
    )
    .get(
      '/:id',
      ...single({
        summary: 'A search that the pipeline made',
        scope: 'read',
        what: 'search',
        item: search,
        unknown: 'search_unknown',
        read: listSearches,
      }),
    );
