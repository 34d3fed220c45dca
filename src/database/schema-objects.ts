import type pg from 'pg';

/** Something that a migration has created. */
export interface SchemaObject {
  readonly kind: 'table' | 'view' | 'function' | 'trigger' | 'policy' | 'right' | Made;
  /** With its schema and table, as it does not depend on the search_path. */
  readonly name: string;
  /** The statement that makes it again; null: a file of sql/ does, or, of a table, nothing. */
  readonly definition: string | null;
}

/** Kinds that are made again from their definition, in this order: keys before what refers to them. */
const made = ['key', 'index', 'constraint', 'reference'] as const;
type Made = (typeof made)[number];

/**
 * What there is in the catalogue. Not the partitions and HNSW indexes that are made as they are needed, nor what is
 * graphile-worker's, except the tables that we read.
 *
 * @param definitions whether they are wanted: to write one, Postgres locks its table, so that a process could not start while
 *   somebody else has locked one.
 */
const catalogue = (definitions: boolean) => `
  with home as (
    select n.oid, n.nspname, n.nspacl from pg_namespace as n where n.nspname in ('watchpost', 'graphile_worker')
  ),
  relation as (
    select c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) as name
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v')
      and (
        n.nspname = 'watchpost'
        or n.nspname = 'watchpost_history' and c.relname in ('event_rest', 'handling_rest', 'search_rest', 'access_rest')
        or n.nspname = 'graphile_worker' and c.relname like '\\_private\\_%'
      )
  ),
  own as (
    select r.* from relation as r where r.name like 'watchpost.%'
  )
  select case r.relkind when 'v' then 'view' else 'table' end as kind, r.name, null as definition
  from relation as r
  union all
  select
    'function',
    format(
      'watchpost.%I(%s)',
      p.proname,
      (
        select string_agg(t.typname, ', ' order by a.place)
        from unnest(p.proargtypes) with ordinality as a (type, place)
        join pg_type as t on t.oid = a.type
      )
    ),
    null
  from pg_proc as p
  where p.pronamespace = (select h.oid from home as h where h.nspname = 'watchpost')
  union all
  select 'trigger', format('%I on %s', t.tgname, r.name), null
  from pg_trigger as t
  join own as r on r.oid = t.tgrelid
  where not t.tgisinternal
  union all
  select 'policy', format('%I on %s', p.polname, r.name), null
  from pg_policy as p
  join relation as r on r.oid = p.polrelid
  union all
  select 'right', format('usage of %I for %I', h.nspname, g.rolname), null
  from home as h
  cross join lateral aclexplode(h.nspacl) as a
  join pg_roles as g on g.oid = a.grantee and g.rolname like 'watchpost\\_%'
  where a.privilege_type = 'USAGE'
  union all
  select
    case when k.contype in ('p', 'u') then 'key' when k.contype = 'f' then 'reference' else 'constraint' end,
    format('%I of %s', k.conname, r.name),
    ${definitions ? "format('alter table %s add constraint %I %s', r.name, k.conname, pg_get_constraintdef(k.oid))" : 'null'}
  from pg_constraint as k
  join own as r on r.oid = k.conrelid
  where k.contype in ('p', 'u', 'x', 'f', 'c')
  union all
  select
    'index',
    format('%I of %s', i.relname, r.name),
    -- Of a partitioned table it is written with ONLY.
    ${definitions ? "replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON ')" : 'null'}
  from pg_index as x
  join own as r on r.oid = x.indrelid
  join pg_class as i on i.oid = x.indexrelid
  join pg_am as m on m.oid = i.relam
  where m.amname <> 'hnsw'
    and not exists (select from pg_constraint as k where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
`;

/** Writes down what there is, after a migration. Definitions name every schema, as those of a dump do. */
export const recordObjects = async (client: pg.ClientBase): Promise<void> => {
  await client.query(`
    set local search_path = '';
    delete from watchpost.schema_object;
    insert into watchpost.schema_object (kind, name, definition) ${catalogue(true)};
    set local search_path to default;
  `);
};

/** What was there after the last migration and is not any more: the database was restored in part, or something dropped. */
export const findMissing = async (client: pg.Pool | pg.ClientBase): Promise<SchemaObject[]> => {
  const { rows } = await client.query<SchemaObject>(
    `select o.kind, o.name, o.definition
     from watchpost.schema_object as o
     where not exists (select from (${catalogue(false)}) as c where c.kind = o.kind and c.name = o.name)
     order by array_position($1::text[], o.kind), o.kind, o.name`,
    [made],
  );
  return rows;
};
