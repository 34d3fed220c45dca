import { z } from 'zod';
import { legalBasisNames } from '../../legal-bases.ts';
import { retained, retentionActions } from '../../watchlist/registry.ts';
import { id, text } from './fields.ts';

const rule = z
  .strictObject({
    relation: z.enum(retained),
    camera: z
      .strictObject({ id, name: text })
      .nullable()
      .meta({ description: 'Of a single camera; null: the general rule.' }),
    action: z.enum(retentionActions),
    age: text.meta({ description: 'In words: 48 hours.' }),
    age_seconds: z.number().min(0),
    purpose: text,
  })
  .meta({ id: 'RetentionRule' });

export const processingDefault = z.strictObject({ legal_basis: z.enum(legalBasisNames), purpose: text });

export const retentionRules = z.strictObject({ rules: z.array(rule), default: processingDefault });
