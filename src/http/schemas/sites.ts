import { z } from 'zod';
import { count, id, text, time } from './fields.ts';

export const site = z
  .strictObject({
    id,
    name: text,
    created_at: time,
    cameras: count.meta({ description: 'Those in use.' }),
    watchlists: count,
    members: z.array(text).meta({ description: 'The database users and roles that see it.' }),
  })
  .meta({ id: 'Site' });

export const siteList = z.strictObject({ sites: z.array(site) });
