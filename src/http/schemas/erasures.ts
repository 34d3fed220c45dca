import { z } from 'zod';
import { erasedThings } from '../../watchlist/registry.ts';
import { count, id, page, sha256, text, time } from './fields.ts';

const counts = z
  .record(text, count)
  .meta({ description: 'Rows by table; image.bytes: files of photos whose rows stay.' });

const receipt = z
  .strictObject({
    id,
    what: z.enum(erasedThings),
    subject_id: id,
    with_matched_faces: z.boolean(),
    actor: text,
    started_at: time,
    finished_at: time.nullable().meta({ description: 'null: not finished; the same call goes on with it.' }),
    counts,
    hashes: z.record(text, sha256),
  })
  .meta({ id: 'Erasure' });

export const erased = receipt
  .extend({
    proof_key: sha256
      .nullable()
      .meta({ description: 'The key of the hashes, which is not stored; null: it was given before.' }),
  })
  .meta({ id: 'Erased' });

export const rehearsed = z.strictObject({ dry_run: z.literal(true), counts });

export const erasurePage = page('erasures', receipt);
