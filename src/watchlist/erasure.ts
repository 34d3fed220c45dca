import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { inBatches, type OnDeleted, type Transact } from './deleting.ts';

/** Erasing people and images for good, and the receipts of that: sql/6-record/erasure.sql. */

/** Who or what is to be erased. */
export interface Erasing {
  readonly what: 'person' | 'image';
  readonly id: string;
  /** Also the faces that the person was matched to, and the photos that show nobody else. */
  readonly withMatchedFaces?: boolean | undefined;
}

/** What receipts are about: `purge` is a batch of what the rules of retention keep no longer. */
export const erasedThings = ['person', 'image', 'purge'] as const;

/** What an erasure has left: who, when, and how much of what was removed, but not what it said. */
export interface Receipt {
  readonly id: string;
  readonly what: (typeof erasedThings)[number];
  /** The id that the person or the image had; of a purge that of its rule. */
  readonly subject_id: string;
  readonly with_matched_faces: boolean;
  readonly actor: string;
  readonly started_at: Date;
  /** Null: it was interrupted, or is under way. */
  readonly finished_at: Date | null;
  /** Rows by table; `image.bytes` are files of photos whose rows stay. */
  readonly counts: Record<string, number>;
  /** Hex, by table: see watchpost.erasure.hashes. */
  readonly hashes: Record<string, string>;
}

/** A receipt, and what is given once. */
export interface Erased extends Receipt {
  /** The key of the hashes, in hex, which is not stored; null: it was given to an earlier call. */
  readonly proof_key: string | null;
}

const columns = sql.raw(
  'r.id, r.what, r.subject_id, r.with_matched_faces, r.actor, r.started_at, r.finished_at, r.counts, r.hashes',
);

/**
 * Erases batch by batch; a person's row goes last. What was interrupted goes on with the next call.
 *
 * @param options.until no further batch is begun once this says so; the receipt then has no `finished_at`.
 * @throws {WatchpostError} by SQLSTATE: person_unknown, person_merged, image_unknown.
 */
export const eraseForGood = async (
  transact: Transact,
  { what, id, withMatchedFaces = false }: Erasing,
  { onErased = () => {}, until = () => false }: { onErased?: OnDeleted; until?: () => boolean } = {},
): Promise<Erased> => {
  const erasure = await transact(async (trx) => {
    const { rows } = await sql<{ id: string }>`
      select watchpost.begin_erasure(${what}, ${id}::uuid, ${withMatchedFaces}) as id
    `.execute(trx);
    return (rows[0] as { id: string }).id;
  });
  await inBatches(
    transact,
    async (trx, most) => {
      if (until()) return 0;
      const { rows } = await sql<{ n: number }>`
        select watchpost.erase_some(${erasure}::uuid, ${most}) as n
      `.execute(trx);
      return rows[0]?.n ?? 0;
    },
    onErased,
  );
  return transact(async (trx) => {
    if (until()) return { ...(await readErasure(trx, erasure)), proof_key: null } as Erased;
    const { rows } = await sql<Erased>`
      select ${columns}, f.proof_key
      from watchpost.finish_erasure(${erasure}::uuid) as f
      cross join lateral (select (f.receipt).*) as r
    `.execute(trx);
    return rows[0] as Erased;
  });
};

/** What an erasure would remove, rows by table. It does it and takes it back, so it takes as long. */
export const countErased = async (
  db: Kysely<DB>,
  { what, id, withMatchedFaces = false }: Erasing,
): Promise<Record<string, number>> => {
  const { rows } = await sql<{ counts: Record<string, number> }>`
    select watchpost.rehearse_erasure(${what}, ${id}::uuid, ${withMatchedFaces}) as counts
  `.execute(db);
  return rows[0]?.counts ?? {};
};

/** A receipt by its id. */
export const readErasure = async (db: Kysely<DB>, id: string): Promise<Receipt | undefined> => {
  const { rows } = await sql<Receipt>`
    select ${columns} from watchpost.erasure as r where r.id = ${id}::uuid
  `.execute(db);
  return rows[0];
};

/**
 * Receipts, the latest first.
 *
 * @param page.what only of this; default: of people and images, without those of the purge, which are many.
 */
export const listErasures = async (
  db: Kysely<DB>,
  { what, after, limit }: { what?: Receipt['what'] | undefined; after?: string | undefined; limit: number },
): Promise<Receipt[]> => {
  const { rows } = await sql<Receipt>`
    select ${columns}
    from watchpost.erasure as r
    where r.what = any (${what ? [what] : ['person', 'image']}::text[])
      and (${after ?? null}::uuid is null or r.id < ${after ?? null}::uuid)
    order by r.id desc
    limit ${limit}
  `.execute(db);
  return rows;
};
