-- The people most similar to a face.

-- The people on active watchlists that are most like a face, by similarity() with all their references.
--
-- lists: those to search; null: the active ones. A caller with many faces reads them once.
--
-- besides is somebody who is compared in any case: an index of 250,000 does not find everybody by their own vector, 3 of
-- 400 when it was less dense. Whoever is looked for in the past is not to be missed there.
create or replace function watchpost.nearest_people(
  probe halfvec, model text, method text, most integer default 5, lists uuid[] default null, besides uuid default null
) returns table (person_id uuid, reference_id uuid, similarity real, reference_similarity real)
language plpgsql
as $$
declare
  searched uuid[] := coalesce(lists, array(select w.id from watchpost.active_watchlist as w));
  asked halfvec := probe || '[1,0]';
  found uuid[];
begin
  if method = 'exact' then
    found := array(
      select v.person_id
      from watchpost.person_vector as v
      where v.model_id = model
        and exists (
          select from watchpost.watchlist_entry as e where e.person_id = v.person_id and e.watchlist_id = any (searched)
        )
      order by v.vector <#> asked, v.person_id
      limit most
    );
  else
    found := watchpost.nearest_by_index(asked, model, most, searched);
    if besides <> all (found) and exists (
      select from watchpost.watchlist_entry as e where e.person_id = besides and e.watchlist_id = any (searched)
    ) then
      found := found || besides;
    end if;
  end if;

  return query
  select n.person_id, r.id, watchpost.similarity(probe, v.vector), (1 - r.distance)::real
  from unnest(found) as n (person_id)
  join watchpost.person_vector as v on v.person_id = n.person_id and v.model_id = model
  cross join lateral (
    select r.id, r.vector <=> probe as distance
    from watchpost.reference as r
    where r.person_id = n.person_id and r.model_id = model and r.superseded_at is null
    order by r.vector <=> probe, r.id
    limit 1
  ) as r
  order by 3 desc, 1
  limit most;
end;
$$;

comment on function watchpost.nearest_people is 'The people most similar to a vector of this model, among those on active watchlists or on the given lists, by similarity(), each with the nearest reference. method: exact or hnsw. besides: a person who is compared even if the index does not find them.';


-- Orders by the expression of the model's index. An HNSW scan filters afterwards, so it must be iterative, or a list of
-- few people among many comes back empty. Whether the index is worth it was decided by counting (search_method): the
-- planner, who can only guess how many people are on the lists, is kept from sorting.
--
-- Of the ten nearest of 250,000 made-up people with four photos each (test/bench/faces.ts) an ef_search of 400, 500, 600,
-- 700 and 1000 finds 0.987, 0.990, 0.994, 0.996 and 0.998, in 33, 37, 45, 47 and 68 ms; where a tenth of them is listed
-- 0.963, 0.972, 0.978, 0.982 and 0.989. Asking for more than are wanted, so that the scan goes on, finds no more: who is
-- missing is hardly linked to. A denser index finds more in less time: m 24 and ef_construction 128 gave 0.985 at 1000,
-- in 42 ms.
create or replace function watchpost.nearest_by_index(
  asked halfvec, model text, most integer, lists uuid[]
) returns uuid[]
language plpgsql set enable_sort = off
as $$
declare
  dimension integer := vector_dims(asked);
  found uuid[];
begin
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '500', true);
  execute format(
    $query$
      select array(
        select v.person_id
        from watchpost.person_vector as v
        where v.model_id = %2$L
          and exists (
            select from watchpost.watchlist_entry as e where e.person_id = v.person_id and e.watchlist_id = any ($3)
          )
        order by (v.vector::halfvec(%1$s)) <-> $1::halfvec(%1$s)
        limit $2
      )
    $query$,
    dimension, model
  ) into found using asked, most, lists;
  return found;
end;
$$;

comment on function watchpost.nearest_by_index is 'Part of nearest_people: the people most similar to a probe with 1 and 0 appended, as in similarity(), through the HNSW index of the model.';


-- What counts is who is searched for, not who is enrolled. Counting goes up to the limit at every
-- search, so a session remembers what it found for these lists: their versions go up whenever somebody is listed or taken off.
-- For some seconds only, because somebody listed may be enrolled; until then a search is slower than it might be, not wrong.
create or replace function watchpost.search_method(
  model text, lists uuid[], versions integer[], exact_up_to integer
) returns text
language plpgsql
as $$
declare
  asked text := md5(concat_ws(' ', model, lists::text, versions::text, exact_up_to));
  remembered text[] := string_to_array(current_setting('watchpost.search_method', true), ' ');
  moment double precision := extract(epoch from clock_timestamp());
  counted bigint;
  method text;
begin
  if remembered[1] = asked and moment between remembered[3]::float8 and remembered[3]::float8 + 5 then
    return remembered[2];
  end if;
  select count(*) into counted
  from (
    select
    from watchpost.person_vector as v
    where v.model_id = model
      and exists (
        select from watchpost.watchlist_entry as e where e.person_id = v.person_id and e.watchlist_id = any (lists)
      )
    limit exact_up_to + 1
  ) as c;
  method := case when counted > exact_up_to then 'hnsw' else 'exact' end;
  perform set_config('watchpost.search_method', concat_ws(' ', asked, method, moment), false);
  return method;
end;
$$;

comment on function watchpost.search_method is 'exact where at most so many people who are enrolled are on these lists, else hnsw.';


-- A function, so that a session plans all of it once.
create or replace function watchpost.find_nearest(
  embeddings uuid[], exact_up_to integer, most integer, besides uuid default null
) returns table (
  embedding_id uuid, face_id uuid, image_id uuid, model_id text, norm real, face_gate text[], method text,
  watchlists uuid[], watchlist_versions integer[], candidates json
)
language plpgsql
as $$
declare
  lists uuid[];
  versions integer[];
begin
  select coalesce(array_agg(w.id order by w.id), '{}'), coalesce(array_agg(w.version order by w.id), '{}')
  into lists, versions
  from watchpost.active_watchlist as w;

  return query
  with probe as materialized (
    select e.id, e.face_id, f.image_id, e.model_id, e.vector, e.norm, f.gate
    from watchpost.embedding as e
    join watchpost.face as f on f.id = e.face_id
    where e.id = any (embeddings)
  ),
  model as materialized (
    select m.id, watchpost.search_method(m.id, lists, versions, exact_up_to) as method
    from (select distinct p.model_id as id from probe as p) as m
  )
  select p.id, p.face_id, p.image_id, p.model_id, p.norm, p.gate, m.method, lists, versions, c.candidates
  from probe as p
  join model as m on m.id = p.model_id
  cross join lateral (
    select
      coalesce(
        json_agg(
          json_build_object(
            'person_id', n.person_id,
            'reference_id', n.reference_id,
            'similarity', n.similarity,
            'reference_similarity', n.reference_similarity,
            'ruled_out',
            n.similarity >= o.lowest
              and watchpost.is_ruled_out(n.person_id, p.face_id, p.model_id, p.vector, n.similarity),
            'lists', o.lists
          )
          order by n.similarity desc, n.person_id
        ),
        '[]'
      ) as candidates
    from watchpost.nearest_people(p.vector, p.model_id, m.method, most, lists, besides) as n
    cross join lateral (
      select
        min(w.threshold) as lowest,
        coalesce(json_agg(json_build_object('id', w.id, 'threshold', w.threshold) order by w.id), '[]') as lists
      from watchpost.watchlist_entry as e
      join watchpost.watchlist as w on w.id = e.watchlist_id
      where e.person_id = n.person_id and e.watchlist_id = any (lists)
    ) as o
  ) as c;
end;
$$;

comment on function watchpost.find_nearest is 'Searches the active watchlists for each of these embeddings: the nearest people, most alike first, and the lists that they are on. An embedding that is gone is missing.';
