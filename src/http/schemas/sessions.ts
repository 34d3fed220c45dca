import { z } from 'zod';
import { scopes } from '../key.ts';
import { id, text, time } from './fields.ts';

export const loginWays = z
  .strictObject({
    key: z.literal(true),
    oidc: z.boolean().meta({ description: 'GET /session/oidc leads to it.' }),
  })
  .meta({ id: 'LoginWays' });

const bound = z.array(id).nullable();

export const session = z
  .strictObject({
    csrf: text.meta({ description: 'To be sent as X-CSRF-Token with each call that changes something.' }),
    name: text.meta({ description: 'Of the API key.' }),
    actor: text.meta({ description: 'What the record calls whoever is logged in.' }),
    scopes: z.array(z.enum(scopes)),
    sites: bound.meta({ description: 'The only sites that the key is for; null: all.' }),
    cameras: bound.meta({ description: 'The only cameras that it is for; null: all of its sites.' }),
    watchlists: bound.meta({ description: 'The only lists that it is for; null: all of its sites.' }),
    expires_at: time.meta({ description: 'When the session ends.' }),
  })
  .meta({ id: 'Session' });
