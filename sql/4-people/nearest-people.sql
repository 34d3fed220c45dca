-- The people most similar to a face: by comparing all, those on lists, or by the index.

-- lists: those to search; null: the active ones. A caller with many faces reads them once.
--
-- included: a person who is compared in any case. An HNSW index does not find everybody, and a backfill must not miss
-- the person it is for.
--
-- known: who they are, from nearest_of_all.
create or replace function watchpost.nearest_people(
  probe halfvec, model text, method text, most integer default 5, lists uuid[] default null, included uuid default null,
  known uuid[] default null
) returns table (person_id uuid, reference_id uuid, similarity real, reference_similarity real)
language plpgsql
as $$
declare
  searched uuid[] := coalesce(lists, array(select w.id from watchpost.active_watchlist as w));
  asked halfvec := probe || '[1,0]';
  found uuid[];
begin
  if known is not null then
    found := known;
  elsif method = 'exact' then
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
    if included <> all (found) and exists (
      select from watchpost.watchlist_entry as e where e.person_id = included and e.watchlist_id = any (searched)
    ) then
      found := found || included;
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

comment on function watchpost.nearest_people is 'The people most similar to a vector of this model, among those on active watchlists or on the given lists, by similarity(), each with the nearest reference. method: exact or hnsw. included: a person who is compared even if the index does not find them.';


-- Most of the time of a comparison is that of reading the vectors: of 20,000 people one face takes 13 ms, four in one pass
-- 26, and 100 one by one with the people joined to their lists. So four faces are compared at a time, with everybody, and
-- of the nearest it is asked whether they are listed.
create or replace function watchpost.nearest_of_all(
  asked halfvec[], model text, most integer, lists uuid[]
) returns table (place integer, people uuid[])
language plpgsql
as $$
declare
  -- Enough where a quarter of all people is listed.
  wide constant integer := 8 * most;
  one halfvec;
  two halfvec;
  three halfvec;
  four halfvec;
begin
  for begins in 1 .. cardinality(asked) by 4 loop
    one := asked[begins];
    two := asked[begins + 1];
    three := asked[begins + 2];
    four := asked[begins + 3];
    if two is null then
      return query
      select begins, (array_agg(n.person_id order by n.distance, n.person_id))[1:most]
      from (
        select v.person_id, v.vector <#> one as distance
        from watchpost.person_vector as v
        where v.model_id = model
        order by v.vector <#> one
        limit wide
      ) as n
      where exists (
        select from watchpost.watchlist_entry as e where e.person_id = n.person_id and e.watchlist_id = any (lists)
      );
      return;
    end if;

    return query
    with compared as materialized (
      select v.person_id, v.vector <#> one as d1, v.vector <#> two as d2, v.vector <#> three as d3, v.vector <#> four as d4
      from watchpost.person_vector as v
      where v.model_id = model
    ),
    near as (
      (select begins as place, c.person_id, c.d1 as distance from compared as c order by c.d1 limit wide)
      union all
      (select begins + 1, c.person_id, c.d2 from compared as c where c.d2 is not null order by c.d2 limit wide)
      union all
      (select begins + 2, c.person_id, c.d3 from compared as c where c.d3 is not null order by c.d3 limit wide)
      union all
      (select begins + 3, c.person_id, c.d4 from compared as c where c.d4 is not null order by c.d4 limit wide)
    )
    select n.place, (array_agg(n.person_id order by n.distance, n.person_id))[1:most]
    from near as n
    where exists (
      select from watchpost.watchlist_entry as e where e.person_id = n.person_id and e.watchlist_id = any (lists)
    )
    group by n.place;
  end loop;
end;
$$;

comment on function watchpost.nearest_of_all is 'Part of find_nearest: for each of several probes, with 1 and 0 appended as in similarity(), the people on these lists among the nearest of all people; fewer than most: there may be others.';


-- Orders by the expression of the model's index. An HNSW scan filters afterwards, so it has to be iterative, or a short
-- list among many people finds nobody. search_method has decided by counting that the index is faster; enable_sort =
-- off keeps the planner, which can only estimate how many people are on the lists, from sorting instead.
--
-- With ef_search 500 it finds 0.990 of the ten nearest of 250,000 people, in 37 ms (docs/performance.md).
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


-- Counts the enrolled people on these lists. A session keeps the result for five seconds, for these versions of the
-- lists: counting at every search would cost more, and an outdated result makes a search slower, not wrong.
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
  enrolled bigint;
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
  select count(*) into enrolled
  from (select from watchpost.person_vector as v where v.model_id = model limit exact_up_to + 1) as c;
  method := case
    when enrolled <= least(4 * counted, exact_up_to) then 'all'
    when watchpost.is_worth_index(counted, enrolled, exact_up_to)
      and to_regclass('watchpost.' || watchpost.person_index(model)) is not null then 'hnsw'
    else 'listed'
  end;
  perform set_config('watchpost.search_method', concat_ws(' ', asked, method, moment), false);
  return method;
end;
$$;

comment on function watchpost.search_method is 'How to search these lists. all: compare everybody who is enrolled, exact_up_to people at most, of whom at least a quarter is listed. hnsw: ask the index, as so many are listed that it is worth it. listed: compare those who are listed.';
