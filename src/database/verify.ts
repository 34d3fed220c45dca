import type { Database } from './pool.ts';

/** A difference between the record and its seals. */
export interface Finding {
  readonly seal: string;
  readonly what:
    | 'row_altered'
    | 'row_missing'
    | 'row_added'
    | 'seal_altered'
    | 'seal_missing'
    | 'leaves_altered'
    | 'leaves_missing'
    | 'head_altered'
    | 'content_missing'
    | 'content_altered'
    | 'receipt_altered';
  readonly relation: 'event' | 'handling' | null;
  readonly row_id: string | null;
  readonly detail: string;
}

/** The end of the chain of seals. */
export interface Head {
  readonly number: string;
  /** Hex. */
  readonly digest: string;
  readonly sealed_at: Date;
}

/** What was compared. */
export interface Extent {
  readonly seals: number;
  readonly rows: number;
  /** Rows that are too new to be sealed. */
  readonly unsealed: number;
  /** Events whose content about a person was erased, on record. */
  readonly erased: number;
}

/** Seals compared by one query: at most 200,000 rows, about a second each 100,000. */
const sealsAtATime = 20;

/** How many seals there are, counted by number: those that are gone are among them. */
export const countSeals = async ({ pool }: Database): Promise<number> => {
  const { rows } = await pool.query<{ last: string | null }>(
    `select greatest(
       (select max(s.number) from watchpost.seal as s), (select h.number from watchpost.seal_head as h)
     ) as last`,
  );
  return Number(rows[0]?.last ?? 0);
};

/**
 * Compares the whole record with its seals, some seals at a time, so that neither memory nor a lock grows with it.
 *
 * @param options.most stops after so many findings.
 * @param options.onProgress called with the number of seals that were compared by each query.
 * @returns what is not as it was sealed, in the order of the seals; empty if all is well.
 */
export const verifyRecord = async (
  database: Database,
  { most = 10, onProgress }: { most?: number; onProgress?: (seals: number) => void } = {},
): Promise<Finding[]> => {
  const last = await countSeals(database);
  const findings: Finding[] = [];
  for (let first = 1; first <= Math.max(last, 1) && findings.length < most; first += sealsAtATime) {
    const found = await database.pool.query<Finding>(
      'select seal, what, relation, row_id, detail from watchpost.verify_seals($1, $2, $3)',
      [first, first + sealsAtATime - 1, most - findings.length],
    );
    findings.push(...found.rows);
    onProgress?.(Math.min(sealsAtATime, last - first + 1));
  }
  return findings;
};

/** The latest seal; undefined if nothing was sealed yet. */
export const readHead = async (database: Database): Promise<Head | undefined> => {
  const { rows } = await database.pool.query<Head>(
    'select number, digest, sealed_at from watchpost.audit_head',
  );
  return rows[0];
};

/** How much was sealed, and how much was not yet. */
export const readExtent = async (database: Database): Promise<Extent> => {
  const { rows } = await database.pool.query<{
    seals: string;
    rows: string;
    unsealed: string;
    erased: string;
  }>(`
    select
      count(*) filter (where s.kind in ('event', 'handling')) as seals,
      coalesce(sum(s.row_count) filter (where s.kind in ('event', 'handling')), 0) as rows,
      watchpost.count_unsealed('event') + watchpost.count_unsealed('handling') as unsealed,
      (select coalesce(sum((r.counts ->> 'event_content')::bigint), 0) from watchpost.erasure as r) as erased
    from watchpost.seal as s
  `);
  const [row] = rows;
  return {
    seals: Number(row?.seals),
    rows: Number(row?.rows),
    unsealed: Number(row?.unsealed),
    erased: Number(row?.erased),
  };
};

/** A seal that says that the database was restored from a dump, copied or moved. */
export interface Restore {
  readonly number: string;
  readonly sealed_at: Date;
}

/** When the database was restored, copied or moved, the first time first. */
export const readRestores = async (database: Database): Promise<Restore[]> => {
  const { rows } = await database.pool.query<Restore>(
    `select s.number, s.sealed_at from watchpost.seal as s where s.kind = 'restored' order by s.number`,
  );
  return rows;
};

/**
 * Whether a head that was noted earlier is still part of the chain.
 *
 * @param noted `number digest ...`, as `verify --head` prints it, or the digest alone.
 * @returns the seal it is; undefined if it is not there.
 * @throws {RangeError} if there is no digest in the text.
 */
export const findHead = async (database: Database, noted: string): Promise<Head | undefined> => {
  const parts = /^\s*(?:(\d+)\s+)?([0-9a-f]{64})\b/i.exec(noted);
  if (!parts) throw new RangeError('There is no digest (64 hexadecimal digits) in it.');
  const { rows } = await database.pool.query<Head>(
    `select s.number, encode(s.digest, 'hex') as digest, s.sealed_at
     from watchpost.seal as s
     where s.digest = decode($1, 'hex') and s.number = coalesce($2, s.number)`,
    [parts[2], parts[1] ?? null],
  );
  return rows[0];
};
