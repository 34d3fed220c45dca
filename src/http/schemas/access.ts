import { z } from 'zod';
import { accessActions } from '../../watchlist/access.ts';
import { count, id, page, text, time } from './fields.ts';

const access = z
  .strictObject({
    id,
    at: time,
    actor: text,
    action: z.enum(accessActions),
    subject: z.strictObject({ kind: text, id }).nullable(),
    person_ids: z.array(id).meta({ description: 'Everybody whom it concerned.' }),
    reason: text.nullable(),
    request_id: text.nullable(),
    details: z.record(z.string(), z.unknown()),
    times: count,
    last_at: time,
  })
  .meta({ id: 'Access' });

export const accessPage = page('accesses', access);

const rows = z.array(z.looseObject({}));

export const accessReport = z
  .strictObject({
    person: z.looseObject({ id, name: text, legal_basis: text }),
    retention: z.looseObject({}).nullable(),
    watchlists: rows,
    merged: rows,
    photos: rows,
    vectors: z.strictObject({ embeddings: count, references: count, models: z.array(text) }),
    sightings: rows,
    alerts: rows,
    deliveries: rows,
    not_them: rows,
    searches: rows,
    accesses: rows,
    events: rows,
  })
  .meta({ id: 'AccessReport' });
