import type pg from 'pg';
import { dimension } from './faces.ts';
import { keys, lists, type Million, photosOfEach } from './million.ts';
import type { Probe } from './probes.ts';

/** The same search by somebody who has pgvector and nothing else, on one connection. */
export interface Plain {
  /** The ten nearest references of a list, with their distances. */
  find(list: keyof typeof lists, probe: Probe): Promise<number[]>;
  /** How many of the ten nearest, by an exact scan, are among what was found; 0 to 1. */
  recall(list: keyof typeof lists, probe: Probe, found: readonly number[]): number;
  /** Sets hnsw.ef_search. */
  width(efSearch: number): Promise<void>;
  end(): Promise<void>;
}

/** The most that pgvector takes for hnsw.ef_search. */
export const widest = 1000;

/**
 * Opens it. A table of its own, with a column of 512 numbers, and an index as pgvector makes it by itself (m 16,
 * ef_construction 64), which takes 20 minutes of one core: once for a database that is kept.
 */
export const openPlain = async (million: Million, probes: readonly Probe[]): Promise<Plain> => {
  const client = await million.server.client(million.url);
  const { rows: made } = await client.query(
    `select from pg_index where indexrelid = to_regclass('plain_face_hnsw') and indisvalid`,
  );
  if (made.length === 0) {
    await client.query(`
      drop table if exists plain_face;
      create table plain_face (person_id uuid not null, vector halfvec(${dimension}) not null);
      insert into plain_face select person_id, vector from watchpost.reference order by id;
      create index plain_face_hnsw on plain_face using hnsw (vector halfvec_cosine_ops);
      vacuum (freeze, analyze) plain_face;
    `);
  }
  const furthest = await readFurthest(client, probes);
  await client.query('set hnsw.iterative_scan = relaxed_order');
  return {
    async find(list, probe) {
      const { rows } = await client.query<{ distance: number }>({
        name: `plain ${list}`,
        text: `
          select p.person_id, p.vector <=> $1::halfvec(${dimension}) as distance
          from plain_face as p
          where exists (
            select from watchpost.watchlist_entry as e
            where e.person_id = p.person_id
              and e.watchlist_id = (select w.id from watchpost.watchlist as w where w.name = $2)
          )
          order by p.vector <=> $1::halfvec(${dimension}) limit 10`,
        values: [probe.vector, lists[list]],
      });
      return rows.map((row) => row.distance);
    },
    recall(list, probe, found) {
      const reach = furthest.get(probe.id)![list] + 1e-6;
      return found.filter((distance) => distance <= reach).length / 10;
    },
    width: async (efSearch) => void (await client.query(`set hnsw.ef_search = ${efSearch}`)),
    end: () => client.end(),
  };
};

/** How far the tenth nearest reference of each list is, by an exact scan: two minutes, kept as the index is. */
const readFurthest = async (
  client: pg.Client,
  probes: readonly Probe[],
): Promise<Map<string, Record<keyof typeof lists, number>>> => {
  const { rows: known } = await client.query(`select to_regclass('plain_truth') as name`);
  if (known[0].name === null) {
    // Not by the index. Of the nearest as many as hold ten of every tenth person for sure.
    await client.query('begin; set local enable_indexscan = off');
    await client.query(
      `create table plain_truth as
       select
         a.id,
         (array_agg(t.distance order by t.distance) filter (where t.list = '${lists.everybody}'))[10] as everybody,
         (array_agg(t.distance order by t.distance) filter (where t.list = '${lists.tenth}'))[10] as tenth
       from unnest(array(
         select key_of(${keys.embedding}, -1 - p.n) from probe as p
       )) as asked (id)
       join watchpost.embedding as a on a.id = asked.id
       cross join lateral (
         select w.name as list, v.distance
         from (
           select p.person_id, p.vector <=> a.vector as distance
           from plain_face as p
           order by p.vector <=> a.vector
           limit 1000 * ${photosOfEach}
         ) as v
         join watchpost.watchlist_entry as e on e.person_id = v.person_id
         join watchpost.watchlist as w on w.id = e.watchlist_id
       ) as t
       group by a.id`,
    );
    await client.query('commit');
  }
  const { rows } = await client.query<{ id: string; everybody: number; tenth: number }>(
    'select id, everybody, tenth from plain_truth where id = any ($1)',
    [probes.map((probe) => probe.id)],
  );
  return new Map(rows.map((row) => [row.id, row]));
};
