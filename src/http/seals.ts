import { Hono } from 'hono';
import { sql } from 'kysely';
import { z } from 'zod';
import { nextOf, pageLimit, whole } from '../fields.ts';
import { assertSeesAll } from '../monitoring/pipeline.ts';
import { asCaller } from './as-caller.ts';
import { operation } from './operation.ts';
import { type SealFinding, sealComparison, sealPage } from './schemas/seals.ts';
import type { Served } from './services.ts';

/** A number of a seal. Beyond what counts exactly in JSON there will be none. */
const number = whole(1, Number.MAX_SAFE_INTEGER);
const page = z.strictObject({
  after: number.optional().meta({ description: 'Only older ones.' }),
  limit: pageLimit,
});
const from = z.strictObject({ first: number.default(1) });

/** Seals that one call compares: at most 200,000 rows, about two seconds. */
const sealsAtATime = 20;

interface Row {
  readonly number: number;
  readonly kind: 'event' | 'handling' | 'retired' | 'restored';
  readonly row_count: number;
  readonly digest: string;
  readonly sealed_at: Date;
}

/** GET /v1/seals: the chain of hashes over the record; GET /v1/seals/comparison: whether the record is as it was sealed. */
export const seals = () =>
  new Hono<Served>()
    .get(
      '/',
      operation({
        summary: 'List the seals of the record, the latest first',
        description: 'For keys that see all sites.',
        scope: 'administer',
        query: page,
        answers: { 200: sealPage },
        errors: ['site_limited'],
      }),
      async (c) => {
        const { after, limit } = c.req.valid('query');
        await assertSeesAll(c.get('db'));
        const { rows } = await sql<Row>`
          select
            s.number::float8 as number, s.kind, s.row_count::float8 as row_count,
            encode(s.digest, 'hex') as digest, s.sealed_at
          from watchpost.seal as s
          where s.number < ${after ?? Number.MAX_SAFE_INTEGER}
          order by s.number desc
          limit ${limit}
        `.execute(c.get('db'));
        return c.json({ seals: rows, next: nextOf(rows, limit, (seal) => String(seal.number)) });
      },
    )
    .get(
      '/comparison',
      operation({
        summary: 'Compare the record with its seals, twenty at a time',
        description:
          'Begins with the seal first; next is what the following call begins with, null at the end. No finding: every row is as it was sealed. Whether the tables hold what the record says, too, the command verify finds out. For keys that see all sites.',
        scope: 'administer',
        query: from,
        answers: { 200: sealComparison },
        errors: ['site_limited'],
      }),
      async (c) => {
        const { first } = c.req.valid('query');
        await assertSeesAll(c.get('db'));
        const last = first + sealsAtATime - 1;
        // A transaction, as the tables are locked against the removal of partitions meanwhile.
        const { findings, ends } = await asCaller(c, async (trx) => {
          const found = await sql<SealFinding>`
            select v.seal::float8 as seal, v.what, v.relation, v.row_id, v.detail
            from watchpost.verify_seals(${first}::bigint, ${last}::bigint, 10) as v
          `.execute(trx);
          const head = await sql<{ last: number }>`
            select coalesce(max(s.number), 0)::float8 as last from watchpost.seal as s
          `.execute(trx);
          return { findings: found.rows, ends: head.rows[0]?.last ?? 0 };
        });
        return c.json({
          findings,
          compared: Math.max(0, Math.min(last, ends) - first + 1),
          seals: ends,
          next: last < ends ? last + 1 : null,
        });
      },
    );
