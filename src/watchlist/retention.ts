import { type Kysely, sql } from 'kysely';
import type { DB } from '../database/types.generated.ts';
import { again, restIfLive, type Transact } from './deleting.ts';

/** How long everything is kept, and deleting what is kept no longer: the rules are in the table retention. */

/** What a rule can be for: see the table retention. */
export const retained = ['image', 'face', 'stranger', 'person', 'search', 'access', 'event'] as const;
export type Retained = (typeof retained)[number];

/** What can become of rows when their time is over: see the table retention for which of them has which. */
export const retentionActions = ['keep', 'delete', 'review', 'detach', 'drop'] as const;
export type RetentionAction = (typeof retentionActions)[number];

/** A rule. */
export interface Rule {
  readonly relation: Retained;
  /** Of a single camera; null: the general rule. */
  readonly camera: { readonly id: string; readonly name: string } | null;
  readonly action: RetentionAction;
  /** In words: 48 hours. */
  readonly age: string;
  readonly age_seconds: number;
  readonly purpose: string;
}

/** The rules: the general ones in the order of `retained`, each followed by those of single cameras. */
export const readRules = async (db: Kysely<DB>): Promise<Rule[]> => {
  const { rows } = await sql<Rule>`
    select
      r.relation,
      case when c.id is not null then jsonb_build_object('id', c.id, 'name', c.name) end as camera,
      r.action, watchpost.in_words(r.age) as age, extract(epoch from r.age)::float8 as age_seconds, r.purpose
    from watchpost.retention as r
    left join watchpost.camera as c on c.id = r.camera_id
    order by array_position(${[...retained]}::text[], r.relation), c.name nulls first
  `.execute(db);
  return rows;
};

/** A change of a rule: what is not given stays. */
interface RuleChange {
  readonly relation: Retained;
  /** A camera's id, which gets a rule of its own. */
  readonly camera?: string | undefined;
  readonly action?: RetentionAction | undefined;
  /** An interval of Postgres, like "48 hours". */
  readonly age?: string | undefined;
  readonly purpose?: string | undefined;
}

/**
 * Changes a rule, or gives a camera one of its own.
 *
 * @throws {WatchpostError} by SQLSTATE: retention_invalid, camera_unknown.
 */
export const setRule = async (db: Kysely<DB>, change: RuleChange): Promise<void> => {
  await sql`
    select from watchpost.set_retention(
      ${change.relation}, ${change.action ?? null}, ${change.age ?? null}::interval, ${change.purpose ?? null},
      ${change.camera ?? null}::uuid
    )
  `.execute(db);
};

/**
 * Takes the rule of a camera back.
 *
 * @returns whether it had one.
 */
export const dropCameraRule = async (
  db: Kysely<DB>,
  relation: Retained,
  camera: string,
): Promise<boolean> => {
  const { rows } = await sql<{ dropped: boolean }>`
    select watchpost.drop_camera_rule(${relation}, ${camera}) as dropped
  `.execute(db);
  return (rows[0] as { dropped: boolean }).dropped;
};

/** The legal basis of people and the purpose of lists that are added without one. */
interface ProcessingDefault {
  readonly legal_basis: string;
  readonly purpose: string;
}

/** Reads it. */
export const readProcessingDefault = (db: Kysely<DB>): Promise<ProcessingDefault> =>
  db.selectFrom('watchpost.processing_default').select(['legal_basis', 'purpose']).executeTakeFirstOrThrow();

/** Changes it; what is not given stays. */
export const setProcessingDefault = async (
  db: Kysely<DB>,
  { legal_basis, purpose }: { legal_basis?: string | undefined; purpose?: string | undefined },
): Promise<void> => {
  await sql`select from watchpost.set_processing_default(${legal_basis ?? null}, ${purpose ?? null})`.execute(
    db,
  );
};

/** What is purged by row, in the order in which it is: photos take their faces with them. */
const purged = ['persons', 'strangers', 'images', 'faces'] as const;

/** What was deleted of a kind, and how many are held for which reason. */
export interface Purged {
  readonly deleted: number;
  readonly held: Record<string, number>;
}

/** Of each kind. */
export type Purge = Record<(typeof purged)[number], Purged>;

/** Rows that a batch looks at. */
const batchSize = 500;

/**
 * Deletes what the rules keep no longer at a moment, batch by batch, with rests while photos arrive. Workers do the same
 * by themselves. What is interrupted can be called again.
 *
 * @param options.at ISO 8601; default: now. @param options.dry only count.
 * @param onBatch is called after each batch, with how many rows it has deleted or counted.
 */
export const purge = async (
  transact: Transact,
  { at, dry = false }: { at?: string | undefined; dry?: boolean | undefined },
  onBatch: (rows: number) => void = () => {},
): Promise<Purge> => {
  const result: Partial<Purge> = {};
  for (const kind of purged) {
    const held: Record<string, number> = {};
    let deleted = 0;
    let after: string | null = null;
    do {
      const begun: number = performance.now();
      const done = await again(() => transact((trx) => purgeSome(trx, kind, { at, dry, after })));
      deleted += done.deleted;
      for (const [reason, n] of Object.entries(done.held)) held[reason] = (held[reason] ?? 0) + n;
      onBatch(done.deleted);
      after = done.reached;
      if (!dry && done.deleted > 0) await restIfLive(transact, performance.now() - begun);
    } while (after !== null);
    result[kind] = { deleted, held };
  }
  return result as Purge;
};

const purgeSome = async (
  trx: Kysely<DB>,
  kind: (typeof purged)[number],
  { at, dry, after }: { at: string | undefined; dry: boolean; after: string | null },
) => {
  const { rows } = await sql<Purged & { reached: string | null }>`
    select p.deleted, p.held, p.reached
    from ${sql.raw(`watchpost.purge_${kind}`)}(
      coalesce(${at ?? null}::timestamptz, now()), ${batchSize}, ${after}::uuid, ${dry}
    ) as p
  `.execute(trx);
  return rows[0] as Purged & { reached: string | null };
};
