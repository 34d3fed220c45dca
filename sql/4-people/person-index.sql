-- The HNSW index over people, by which the nearest are found where there are too many to compare them all. One for each
-- embedder: vectors of different models are not comparable, and an index needs one dimension.
--
-- It is created by upkeep once it is worth it, because every enrolment then adds to it, which takes 15 ms of CPU; most
-- installations never need it. Until it is there all people are compared.

create or replace function watchpost.exact_up_to() returns integer
language sql immutable parallel safe
return 25000;

comment on function watchpost.exact_up_to() is 'Up to so many enrolled people all of them are compared with a face, which is exact and as fast as the index; of more people, up to two fifths of so many who are listed.';


create or replace function watchpost.is_worth_index(listed bigint, enrolled bigint, exact_up_to integer) returns boolean
language sql immutable parallel safe
return listed > exact_up_to * 2 / 5 and enrolled > least(4 * listed, exact_up_to);

comment on function watchpost.is_worth_index is 'Whether asking the index is faster than comparing those who are listed: there are many of them, and they cannot be found by comparing everybody.';


create or replace function watchpost.person_index(model text) returns text
language sql immutable parallel safe
return 'person_vector_hnsw_' || left(encode(sha256(convert_to(model, 'UTF8')), 'hex'), 16);

comment on function watchpost.person_index(text) is 'Name of the HNSW index over the people of one model.';


-- Enrolments wait while it is built, in memory; searches do not. Denser than pgvector's default: see nearest_by_index.
create or replace function watchpost.index_people(model text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- A parallel build of pgvector 0.8.0 can fail.
  perform set_config('max_parallel_maintenance_workers', '0', true);
  -- 250,000 people take 402 MB. A build that does not fit is many times slower.
  if pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes('512MB') then
    perform set_config('maintenance_work_mem', '512MB', true);
  end if;
  execute format(
    'create index if not exists %I on watchpost.person_vector using hnsw ((vector::%I.halfvec(%s)) %2$I.halfvec_l2_ops) with (m = 40, ef_construction = 200) where model_id = %4$L',
    watchpost.person_index(model),
    watchpost.vector_schema(),
    (select m.dimension + 2 from watchpost.model as m where m.id = model),
    model
  );
end;
$$;

comment on function watchpost.index_people(text) is 'Creates the HNSW index over the people of one model, if it is not there.';


create or replace function watchpost.index_many_people() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- Collected first, because an index cannot be created while a query on its table is open.
  models text[] := array(
    select m.id
    from watchpost.model as m
    where m.role = 'embedder'
      and to_regclass('watchpost.' || watchpost.person_index(m.id)) is null
      and watchpost.is_worth_index(
        (
          select count(*)
          from (
            select
            from watchpost.person_vector as v
            where v.model_id = m.id
              and exists (
                select
                from watchpost.watchlist_entry as e
                join watchpost.active_watchlist as w on w.id = e.watchlist_id
                where e.person_id = v.person_id
              )
            limit watchpost.exact_up_to() + 1
          ) as listed
        ),
        (
          select count(*)
          from (
            select from watchpost.person_vector as v where v.model_id = m.id limit watchpost.exact_up_to() + 1
          ) as enrolled
        ),
        watchpost.exact_up_to()
      )
  );
begin
  for i in 1 .. cardinality(models) loop
    perform watchpost.index_people(models[i]);
  end loop;
  return cardinality(models);
end;
$$;

comment on function watchpost.index_many_people() is 'Creates the HNSW index of each model for which it is worth it; returns how many.';
