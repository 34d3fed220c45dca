import { Hono } from 'hono';
import { z } from 'zod';
import { findNamed } from '../database/named.ts';
import { deliveryOutcomes, readDeliveries } from '../endpoints/endpoints.ts';
import { moment, searchWord } from '../fields.ts';
import { listing, single } from './listing.ts';
import { delivery } from './schemas/registers.ts';
import type { Served } from './services.ts';

/** GET /v1/deliveries lists the attempts to deliver to any endpoint, GET /v1/deliveries/{id} has one. */
export const deliveries = () =>
  new Hono<Served>()
    .get(
      '/',
      ...listing({
        summary: 'List deliveries to all endpoints, the latest first',
        scope: 'administer',
        name: 'deliveries',
        item: delivery,
        filter: z.strictObject({
          endpoint: searchWord.optional().meta({ description: 'Name or id.' }),
          alert: z.guid().optional(),
          outcome: z.enum(deliveryOutcomes).optional(),
          since: moment.optional(),
          until: moment.optional(),
        }),
        errors: ['endpoint_unknown'],
        read: async (db, { endpoint, ...wanted }) =>
          readDeliveries(db, {
            ...wanted,
            endpoint: endpoint === undefined ? undefined : await findNamed(db, 'endpoint', endpoint),
          }),
      }),
    )
    .get(
      '/:id',
      ...single({
        summary: 'An attempt to deliver',
        scope: 'administer',
        what: 'delivery',
        item: delivery,
        unknown: 'delivery_unknown',
        read: readDeliveries,
      }),
    );
