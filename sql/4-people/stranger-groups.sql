-- Strangers: faces that match nobody, grouped by likeness. DBSCAN, one face at a time: a face with min_faces neighbours
-- is core, core faces in reach of each other are one group, any other face in reach of a core face belongs to its group.
-- What comes out does not depend on the order in which the faces came, but for the faces at the border of two groups.
--
-- 10,000 faces of 1,000 people took 50 s of CPU with every face compared, 0.8 s the first 1,000 and 7 s the ninth, and
-- 49 to 79 s with the index from 2,000 or 5,000 on, on a machine that had much else to do: it is to keep the cost of one
-- more face from growing without end, not to save any yet. Somebody who stands before a camera for hours costs more:
-- 15 ms a face when 4,000 faces of theirs are kept.

-- comparing -----------------------------------------------------------------------------------------------------------

-- Written so that the operator is bound here: upkeep() runs with a search path that does not see pgvector.
create or replace function watchpost.likeness(a halfvec, b halfvec) returns real
language sql immutable parallel safe
return (1 - (a <=> b))::real;

comment on function watchpost.likeness(halfvec, halfvec) is 'Cosine of two vectors, -1 to 1.';


create or replace function watchpost.stranger_index(model text) returns text
language sql immutable parallel safe
return 'stranger_face_hnsw_' || left(encode(sha256(convert_to(model, 'UTF8')), 'hex'), 16);

comment on function watchpost.stranger_index(text) is 'Name of the HNSW index over the strangers'' faces of one model; there once they are many.';


create or replace function watchpost.index_strangers(model text) returns void
language plpgsql
as $$
declare
  home text := (
    select quote_ident(n.nspname)
    from pg_extension as e
    join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector'
  );
begin
  -- A parallel build of pgvector 0.8.0 can fail.
  perform set_config('max_parallel_maintenance_workers', '0', true);
  execute format(
    'create index if not exists %I on watchpost.stranger_face using hnsw ((vector::%s.halfvec(%s)) %2$s.halfvec_cosine_ops) where model_id = %4$L',
    watchpost.stranger_index(model),
    home,
    (select m.dimension from watchpost.model as m where m.id = model),
    model
  );
end;
$$;

comment on function watchpost.index_strangers(text) is 'Makes the HNSW index over the strangers'' faces of one model.';


-- Without an index every face is compared. With one, the nearest 40 are asked for, and more while the last of them is
-- still within reach: only somebody who stands before a camera for an hour has so many.
create or replace function watchpost.stranger_neighbours(
  probe halfvec, model text, reach real
) returns table (face_id uuid, similarity real)
language plpgsql rows 20
as $$
declare
  dimension integer;
  home text;
  most integer := 40;
  found_ids uuid[];
  similarities real[];
begin
  if to_regclass('watchpost.' || watchpost.stranger_index(model)) is null then
    return query
    select f.face_id, watchpost.likeness(f.vector, probe)
    from watchpost.stranger_face as f
    where f.model_id = model and watchpost.likeness(f.vector, probe) >= reach;
    return;
  end if;

  select m.dimension into dimension from watchpost.model as m where m.id = model;
  select quote_ident(n.nspname) into home
  from pg_extension as e
  join pg_namespace as n on n.oid = e.extnamespace
  where e.extname = 'vector';
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '40', true);
  loop
    execute format(
      $query$
        with near as materialized (
          select f.face_id, 1 - (f.vector::%1$s.halfvec(%2$s) operator(%1$s.<=>) $1::%1$s.halfvec(%2$s)) as similarity
          from watchpost.stranger_face as f
          where f.model_id = %3$L
          order by f.vector::%1$s.halfvec(%2$s) operator(%1$s.<=>) $1::%1$s.halfvec(%2$s)
          limit $2
        )
        select array_agg(n.face_id), array_agg(n.similarity::real) from near as n
      $query$,
      home, dimension, model
    ) into found_ids, similarities using probe, most;
    exit when coalesce(cardinality(found_ids), 0) < most
      or (select min(s) from unnest(similarities) as s) < reach
      or most >= 4096;
    most := most * 8;
  end loop;
  return query
  select n.id, n.similarity
  from unnest(found_ids, similarities) as n (id, similarity)
  where n.similarity >= reach;
end;
$$;

comment on function watchpost.stranger_neighbours is 'The strangers'' faces of this model that are at least so similar; at most 4,096 with an index.';

-- growing -------------------------------------------------------------------------------------------------------------

create or replace view watchpost.unknown_face as
select
  s.id as search_id,
  e.face_id,
  e.id as embedding_id,
  e.model_id,
  e.vector,
  e.norm,
  i.id as image_id,
  i.camera_id,
  i.captured_at as seen_at,
  i.received_at
from watchpost.search as s
join watchpost.embedding as e on e.id = s.embedding_id and e.superseded_at is null
join watchpost.face as f on f.id = e.face_id and f.superseded_at is null
join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
where s.superseded_at is null
  and s.outcome in ('nobody', 'below_threshold', 'cannot_link')
  and s.gate = '{}'
  and not exists (select from watchpost.match as m where m.face_id = e.face_id and m.superseded_at is null)
  and not exists (select from watchpost.reference as r where r.embedding_id = e.id and r.superseded_at is null);

comment on view watchpost.unknown_face is 'Good views of faces that match nobody and enrol nobody, as things stand.';


create or replace function watchpost.merge_strangers(strangers uuid[]) returns uuid
language plpgsql
as $$
declare
  kept uuid := (select s from unnest(strangers) as s order by s limit 1);
  others uuid[] := array_remove(strangers, kept);
begin
  if others = '{}' then
    return kept;
  end if;
  update watchpost.stranger as s
  set stale = s.stale or o.stale,
      person_id = coalesce(s.person_id, o.person_id),
      named_at = coalesce(s.named_at, o.named_at),
      named_by = coalesce(s.named_by, o.named_by)
  from (
    select
      bool_or(o.stale) as stale,
      (array_agg(o.person_id order by o.id) filter (where o.person_id is not null))[1] as person_id,
      (array_agg(o.named_at order by o.id) filter (where o.person_id is not null))[1] as named_at,
      (array_agg(o.named_by order by o.id) filter (where o.person_id is not null))[1] as named_by
    from watchpost.stranger as o
    where o.id = any (others)
  ) as o
  where s.id = kept;
  update watchpost.stranger_face as f set stranger_id = kept where f.stranger_id = any (others);
  update watchpost.stranger as s
  set merged_into = kept, stale = false
  where s.id = any (others) or s.merged_into = any (others);
  return kept;
end;
$$;

comment on function watchpost.merge_strangers(uuid[]) is 'Makes groups one, and returns its id: the oldest one''s, with the person that any of them has become.';


-- A face that has come to have min_faces neighbours: it joins what it reaches, or begins a group.
create or replace function watchpost.make_core(face uuid, similarity real, min_faces integer) returns void
language plpgsql
as $$
declare
  near uuid[];
  own record;
  kept uuid;
begin
  select f.vector, f.model_id into own from watchpost.stranger_face as f where f.face_id = face;
  near := array(select n.face_id from watchpost.stranger_neighbours(own.vector, own.model_id, similarity) as n);
  -- Faces that went away are not taken off the count of those that are not core.
  if cardinality(near) < min_faces then
    update watchpost.stranger_face as f set neighbours = greatest(cardinality(near), 1) where f.face_id = face;
    return;
  end if;
  kept := watchpost.merge_strangers(array(
    select distinct f.stranger_id from watchpost.stranger_face as f where f.face_id = any (near) and f.core
  ));
  if kept is null then
    insert into watchpost.stranger (model_id) values (own.model_id) returning id into kept;
  end if;
  update watchpost.stranger_face as f
  set core = true, neighbours = cardinality(near), stranger_id = kept
  where f.face_id = face;
  update watchpost.stranger_face as f
  set stranger_id = kept
  where f.face_id = any (near) and f.stranger_id is null;
end;
$$;

comment on function watchpost.make_core is 'Counts a face''s neighbours; if they are enough it becomes core, and its neighbours are of its group.';


-- The group a face that is not core belongs to.
create or replace function watchpost.stranger_beside(
  near uuid[], similarities real[]
) returns uuid
language sql stable
return (
  select f.stranger_id
  from unnest(near, similarities) as n (face_id, similarity)
  join watchpost.stranger_face as f on f.face_id = n.face_id and f.core
  order by n.similarity desc, n.face_id
  limit 1
);

comment on function watchpost.stranger_beside is 'The group of the nearest core face among some neighbours; null: there is none.';


create or replace function watchpost.add_stranger_face(
  unknown watchpost.unknown_face, similarity real, min_faces integer
) returns void
language plpgsql
as $$
declare
  near uuid[];
  similarities real[];
  risen uuid[];
  own_group uuid;
  own_core boolean;
begin
  select coalesce(array_agg(n.face_id), '{}'), coalesce(array_agg(n.similarity), '{}') into near, similarities
  from watchpost.stranger_neighbours(unknown.vector, unknown.model_id, similarity) as n;

  -- A core face needs no count: it is core. So a face that is seen all day costs the same at its end as in the morning.
  with counted as (
    update watchpost.stranger_face as f
    set neighbours = f.neighbours + 1
    where f.face_id = any (near) and not f.core
    returning f.face_id, f.neighbours
  )
  select coalesce(array_agg(c.face_id order by c.face_id) filter (where c.neighbours >= min_faces), '{}') into risen
  from counted as c;

  -- Inserted as what it will be: changing its group later is one more insert into the HNSW index.
  own_core := cardinality(near) + 1 >= min_faces;
  if own_core then
    own_group := watchpost.merge_strangers(array(
      select distinct f.stranger_id from watchpost.stranger_face as f where f.face_id = any (near) and f.core
    ));
    if own_group is null then
      insert into watchpost.stranger (model_id) values (unknown.model_id) returning id into own_group;
    end if;
  else
    own_group := watchpost.stranger_beside(near, similarities);
  end if;
  insert into watchpost.stranger_face
    (face_id, embedding_id, search_id, model_id, vector, norm, seen_at, neighbours, core, stranger_id)
  values (
    unknown.face_id, unknown.embedding_id, unknown.search_id, unknown.model_id, unknown.vector, unknown.norm,
    unknown.seen_at, cardinality(near) + 1, own_core, own_group
  );
  if own_core then
    update watchpost.stranger_face as f
    set stranger_id = own_group
    where f.face_id = any (near) and f.stranger_id is null and not f.face_id = any (risen);
  end if;

  for i in 1 .. cardinality(risen) loop
    perform watchpost.make_core(risen[i], similarity, min_faces);
  end loop;
end;
$$;

comment on function watchpost.add_stranger_face is 'Takes a face in: counts it with its neighbours, and makes, extends or joins groups.';
