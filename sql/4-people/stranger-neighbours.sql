-- Which strangers' faces are similar to a face.

-- As an expression, which binds the operator here: upkeep() runs with a search path without pgvector.
create or replace function watchpost.likeness(a halfvec, b halfvec) returns real
language sql immutable parallel safe
return (1 - (a <=> b))::real;

comment on function watchpost.likeness(halfvec, halfvec) is 'Cosine of two vectors, -1 to 1.';


create or replace function watchpost.stranger_index(model text) returns text
language sql immutable parallel safe
return 'stranger_face_hnsw_' || left(encode(sha256(convert_to(model, 'UTF8')), 'hex'), 16);

comment on function watchpost.stranger_index(text) is 'Name of the HNSW index over the strangers'' faces of one model; created once there are many.';


create or replace function watchpost.index_strangers(model text) returns void
language plpgsql
as $$
begin
  -- A parallel build of pgvector 0.8.0 can fail.
  perform set_config('max_parallel_maintenance_workers', '0', true);
  execute format(
    'create index if not exists %I on watchpost.stranger_face using hnsw ((vector::%I.halfvec(%s)) %2$I.halfvec_cosine_ops) where model_id = %4$L',
    watchpost.stranger_index(model),
    watchpost.vector_schema(),
    (select m.dimension from watchpost.model as m where m.id = model),
    model
  );
end;
$$;

comment on function watchpost.index_strangers(text) is 'Creates the HNSW index over the strangers'' faces of one model.';


-- Without an index every face is compared. With one the nearest 40 are read, and eight times as many while the last of
-- them is still within reach: only somebody who stands before a camera for an hour has so many.
create or replace function watchpost.stranger_neighbours(
  probe halfvec, model text, reach real
) returns table (face_id uuid, similarity real)
language plpgsql rows 20
as $$
declare
  dimension integer;
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
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '40', true);
  loop
    execute format(
      $query$
        with near as materialized (
          select f.face_id, 1 - (f.vector::%1$I.halfvec(%2$s) operator(%1$I.<=>) $1::%1$I.halfvec(%2$s)) as similarity
          from watchpost.stranger_face as f
          where f.model_id = %3$L
          order by f.vector::%1$I.halfvec(%2$s) operator(%1$I.<=>) $1::%1$I.halfvec(%2$s)
          limit $2
        )
        select array_agg(n.face_id), array_agg(n.similarity::real) from near as n
      $query$,
      watchpost.vector_schema(), dimension, model
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

comment on function watchpost.stranger_neighbours is 'The strangers'' faces of this model with at least this similarity; at most 4,096 with an index.';
