import type { Database } from './pool.ts';

/** A difference between the record and its seals, or between the record and the tables it speaks of. */
export interface Finding {
  /** Null: it is about a table. */
  readonly seal: string | null;
  readonly what:
    | 'row_altered'
    | 'row_missing'
    | 'row_added'
    | 'seal_altered'
    | 'seal_missing'
    | 'leaves_altered'
    | 'leaves_missing'
    | 'head_altered'
    | 'row_deleted'
    | 'row_unrecorded'
    | 'content_missing'
    | 'content_altered'
    | 'receipt_altered';
  /** The table. */
  readonly relation: string | null;
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
interface Extent {
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

/** Events compared with the tables by one query: about 0.3 s each 100,000 (AMD EPYC Zen 4). */
const eventsAtATime = 500_000;

/** Rows compared with the record by one query. */
const rowsAtATime = 20_000;

/** Tables with many rows, which only a full comparison reads. */
const large = ['match', 'image', 'face'];

/**
 * Compares the tables with the record: what it says was made has to be there unless it says that it was deleted, and what
 * is there has to be in it; some at a time.
 *
 * @param options.full also whether faces and vectors are there, and whether the record knows all photos, faces and matches.
 * @param options.onProgress called after each query with how many events and rows were compared, and of how many, about.
 * @returns the first differences; empty if there is none.
 */
export const verifyTables = async (
  { pool }: Database,
  options: { most?: number; full?: boolean; onProgress?: (done: number, of: number) => void } = {},
): Promise<Finding[]> => {
  const { most = 10, full = false, onProgress } = options;
  const findings: Finding[] = [];
  const ranges = await rangesOfEvents(pool);
  const tables = (await tablesToCompare(pool)).filter(({ name }) => full || !large.includes(name));
  const total = [...ranges, ...tables].reduce((sum, { about }) => sum + about, 0);
  let done = 0;
  const step = (about: number) => {
    done += about;
    onProgress?.(done, total);
  };
  for (const { from, until, about } of ranges) {
    if (findings.length >= most) return findings;
    const { rows } = await pool.query<Finding>(
      'select null as seal, what, relation, row_id, detail from watchpost.verify_rows($1, $2, $3, $4)',
      [from, until, most - findings.length, full],
    );
    findings.push(...rows);
    step(about);
  }
  for (const { name, about } of tables) {
    findings.push(...(await findUnrecorded(pool, name, most - findings.length)));
    step(about);
  }
  return findings;
};

/** Ranges of keys of events, in their order, each of about as many as one query compares. */
const rangesOfEvents = async (pool: Database['pool']) => {
  const { rows } = await pool.query<{ key: string; about: number }>(
    `select distinct on (k.key) k.key, k.about::float8
     from watchpost.partition as p
     cross join lateral (select p.rows_about / $1 + 1 as slices) as s
     cross join lateral generate_series(0, s.slices) as n (slice)
     cross join lateral (
       select
         watchpost.uuidv7_at(p.from_at + (p.until_at - p.from_at) * n.slice / s.slices),
         case when n.slice < s.slices then p.rows_about / s.slices else 0 end
     ) as k (key, about)
     where p.relation = 'event' and not p.rest
     -- The end of a partition is the beginning of the next, which has rows.
     order by k.key, k.about desc`,
    [eventsAtATime],
  );
  const begins = [{ key: firstKey, about: 0 }, ...rows];
  return begins.map(({ key, about }, n) => ({ from: key, until: begins[n + 1]?.key ?? lastKey, about }));
};

const tablesToCompare = async (pool: Database['pool']) => {
  const { rows } = await pool.query<{ name: string; about: number }>(
    `select t.name, greatest(c.reltuples, 0)::float8 as about
     from unnest(watchpost.recorded_tables()) with ordinality as t (name, place)
     join pg_class as c on c.oid = ('watchpost.' || quote_ident(t.name))::regclass
     order by t.place`,
  );
  return rows;
};

const firstKey = '00000000-0000-0000-0000-000000000000';
const lastKey = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

interface Batch {
  /** The last row that was compared; null: there are no more. */
  readonly reached: string | null;
  readonly unrecorded: string[];
  readonly detail: string;
}

const findUnrecorded = async (pool: Database['pool'], table: string, most: number): Promise<Finding[]> => {
  const findings: Finding[] = [];
  let after: string | null = null;
  while (findings.length < most) {
    const batch: Batch | undefined = (
      await pool.query<Batch>(
        'select reached, unrecorded, watchpost.why_unrecorded() as detail from watchpost.verify_recorded($1, $2, $3)',
        [table, after, rowsAtATime],
      )
    ).rows[0];
    if (!batch?.reached) break;
    const { detail, unrecorded } = batch;
    for (const row_id of unrecorded.slice(0, most - findings.length))
      findings.push({ seal: null, what: 'row_unrecorded', relation: table, row_id, detail });
    after = batch.reached;
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

/** The digest of a seal, in hex; undefined if there is no such seal. */
export const readDigest = async ({ pool }: Database, seal: number): Promise<string | undefined> => {
  const { rows } = await pool.query<{ digest: string }>(
    `select encode(s.digest, 'hex') as digest from watchpost.seal as s where s.number = $1`,
    [seal],
  );
  return rows[0]?.digest;
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

/** A head that was noted earlier. */
export interface KeptHead {
  /** Undefined: only the digest was kept. */
  readonly number: string | undefined;
  /** Hex. */
  readonly digest: string;
}

/** Reads a head as `verify --head` prints it, `number digest …`, or the digest alone; undefined if it is none. */
export const parseHead = (line: string): KeptHead | undefined => {
  const parts = /^\s*(?:(\d{1,18})\s+)?([0-9a-f]{64})\b/i.exec(line);
  return parts ? { number: parts[1], digest: (parts[2] as string).toLowerCase() } : undefined;
};

/**
 * Whether a head that was noted earlier is still part of the chain.
 *
 * @returns the seal it is; undefined if it is not there.
 */
export const findHead = async (
  database: Database,
  { number, digest }: KeptHead,
): Promise<Head | undefined> => {
  const { rows } = await database.pool.query<Head>(
    `select s.number, encode(s.digest, 'hex') as digest, s.sealed_at
     from watchpost.seal as s
     where s.digest = decode($1, 'hex') and s.number = coalesce($2, s.number)`,
    [digest, number ?? null],
  );
  return rows[0];
};
