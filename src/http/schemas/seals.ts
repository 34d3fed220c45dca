import { z } from 'zod';
import { count, id, page, sha256, text, time } from './fields.ts';

const seal = z
  .strictObject({
    number: count.min(1).meta({ description: 'From 1, without gaps.' }),
    kind: z.enum(['event', 'handling', 'retired', 'restored']).meta({
      description:
        'What it covers: events, what became of them, the removal of a partition, or that the database was restored.',
    }),
    row_count: count,
    digest: sha256.meta({ description: 'Of this seal and the digest of the one before.' }),
    sealed_at: time,
  })
  .meta({ id: 'Seal' });

export const sealPage = page('seals', seal);

const finding = z.strictObject({
  seal: count.nullable(),
  what: text.meta({ description: 'For example row_altered, row_missing, seal_missing.' }),
  relation: text.nullable(),
  row_id: id.nullable(),
  detail: text,
});

/** A difference between the record and its seals. */
export type SealFinding = z.infer<typeof finding>;

export const sealComparison = z
  .strictObject({
    findings: z.array(finding).meta({ description: 'The first ten; none: all is as it was sealed.' }),
    compared: count.meta({ description: 'Seals that were compared by this call.' }),
    seals: count.meta({ description: 'Seals that there are.' }),
    next: count.nullable(),
  })
  .meta({ id: 'SealComparison' });
