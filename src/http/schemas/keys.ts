import { z } from 'zod';
import { scopes } from '../key.ts';
import { count, id, page, text, time } from './fields.ts';

const bound = z.array(id).nullable();

const key = z.strictObject({
  id,
  name: text.meta({ description: 'The record calls it api:NAME.' }),
  state: z.enum(['valid', 'expired', 'revoked']),
  scopes: z.array(z.enum(scopes)),
  sites: bound.meta({ description: 'The only sites that it is for; null: all.' }),
  cameras: bound.meta({ description: 'The only cameras that it is for; null: all of its sites.' }),
  watchlists: bound.meta({ description: 'The only lists that it is for; null: all of its sites.' }),
  rate_per_minute: count
    .nullable()
    .meta({ description: 'Calls in a minute of the clock; null: any number.' }),
  max_streams: count.nullable().meta({ description: 'Streams at a time; null: as the settings say.' }),
  max_backlog: count.nullable().meta({ description: 'Photos that wait; null: as the settings say.' }),
  created_at: time,
  created_by: text,
  expires_at: time.nullable(),
  revoked_at: time.nullable(),
  last_used_at: time.nullable().meta({ description: 'To a minute or so.' }),
  previous_until: time.nullable().meta({
    description: 'Until when the key before the latest rotation is valid, too.',
  }),
});

const secret = text.meta({ description: 'The key itself. It is shown here only.' });

export const apiKey = key.meta({ id: 'ApiKey' });
export const apiKeyPage = page('keys', apiKey);
export const newApiKey = key.extend({ key: secret }).meta({ id: 'NewApiKey' });
export const rotatedKey = z.strictObject({ key: secret, previous_until: time }).meta({ id: 'RotatedKey' });
