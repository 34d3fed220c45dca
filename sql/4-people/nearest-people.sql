-- The people most similar to a face.

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


create or replace function watchpost.lists_for_photo(lists uuid[], camera uuid, at timestamptz) returns uuid[]
language plpgsql stable
as $$
declare
  zone constant text := (
    select p.zone from watchpost.camera_place as p where p.camera_id = lists_for_photo.camera and p.during @> lists_for_photo.at
  );
begin
  return array(
    select w.id
    from watchpost.watchlist as w
    where w.id = any (lists)
      and (num_nonnulls(w.cameras, w.zones) = 0 or lists_for_photo.camera = any (w.cameras) or zone = any (w.zones))
    order by w.id
  );
end;
$$;

comment on function watchpost.lists_for_photo is 'Part of find_nearest: of these lists those that a photo of this camera at this time is compared with. Of no camera: those that are for all photos of their site.';


-- Which lists a face is compared with depends on its camera only where a list of its site is for some cameras or zones.
--
-- In plpgsql, so that a session plans it once.
create or replace function watchpost.find_nearest(
  embeddings uuid[], exact_up_to integer, most integer, included uuid default null
) returns table (
  embedding_id uuid, face_id uuid, image_id uuid, track_id uuid, track_revision integer, track_looks integer,
  model_id text, norm real, face_gate text[], method text, watchlists uuid[], watchlist_versions integer[], candidates json
)
language plpgsql
as $$
begin
  return query
  with face as materialized (
    select
      e.id, e.face_id, f.image_id, f.track_id, t.revision, t.looks, e.model_id, coalesce(t.vector, e.vector) as vector, e.norm,
      f.gate, i.site_id, i.camera_id, i.captured_at
    from watchpost.embedding as e
    join watchpost.face as f on f.id = e.face_id
    join watchpost.image as i on i.id = f.image_id
    left join watchpost.track as t on t.id = f.track_id
    where e.id = any (embeddings)
      -- Of a track the face that stands for it, with the vector of the track.
      and (f.track_id is null or t.face_id = f.id and t.model_id = e.model_id)
  ),
  site as materialized (
    select g.site_id, l.lists, l.narrowed
    from (select distinct f.site_id from face as f) as g
    cross join lateral (
      select
        coalesce(array_agg(w.id order by w.id), '{}') as lists,
        coalesce(bool_or(num_nonnulls(w.cameras, w.zones) > 0), false) as narrowed
      from watchpost.active_watchlist as w
      where w.site_id = g.site_id
    ) as l
  ),
  -- The probes of one model that are compared with the same lists are a group.
  probe as materialized (
    select f.*,
      dense_rank() over (order by f.model_id, f.lists) as group_number,
      row_number() over (partition by f.model_id, f.lists) as place
    from (
      select
        f.*,
        case when s.narrowed then watchpost.lists_for_photo(s.lists, f.camera_id, f.captured_at) else s.lists end as lists
      from face as f
      join site as s on s.site_id = f.site_id
    ) as f
  ),
  model as materialized (
    select m.*, watchpost.search_method(m.id, m.lists, m.versions, coalesce(exact_up_to, watchpost.exact_up_to())) as method
    from (
      select p.group_number, p.model_id as id, p.lists,
        array(select w.version from watchpost.watchlist as w where w.id = any (p.lists) order by w.id) as versions
      from probe as p
      where p.place = 1
    ) as m
  ),
  compared as materialized (
    select m.group_number, n.place, n.people
    from model as m
    cross join lateral (
      select array_agg(p.vector || '[1,0]' order by p.place) as asked from probe as p where p.group_number = m.group_number
    ) as a
    cross join lateral watchpost.nearest_of_all(a.asked, m.id, most, m.lists) as n
    where m.method = 'all'
  )
  select
    p.id, p.face_id, p.image_id, p.track_id, p.revision, p.looks, p.model_id, p.norm, p.gate,
    case m.method when 'hnsw' then 'hnsw' else 'exact' end, m.lists, m.versions, c.candidates
  from probe as p
  join model as m on m.group_number = p.group_number
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
    from watchpost.nearest_people(
      p.vector, p.model_id, case m.method when 'hnsw' then 'hnsw' else 'exact' end, most, m.lists, included,
      (
        select d.people
        from compared as d
        where d.place = p.place and d.group_number = p.group_number and cardinality(d.people) = most
      )
    ) as n
    cross join lateral (
      select
        min(w.threshold) as lowest,
        coalesce(
          json_agg(
            case
              when p.track_id is null or n.similarity < w.threshold or (w.min_looks = 1 and w.min_share = 0) then
                json_build_object('id', w.id, 'threshold', w.threshold)
              else json_build_object(
                'id', w.id, 'threshold', w.threshold,
                'few_looks',
                watchpost.has_few_looks(p.track_id, n.person_id, p.model_id, w.threshold, w.min_looks, w.min_share)
              )
            end
            order by w.id
          ),
          '[]'
        ) as lists
      from watchpost.watchlist_entry as e
      join watchpost.watchlist as w on w.id = e.watchlist_id
      where e.person_id = n.person_id and e.watchlist_id = any (m.lists)
    ) as o
  ) as c;
end;
$$;

comment on function watchpost.find_nearest is 'Searches the active watchlists of the photo''s site, but those that are for other cameras and zones, for each of these embeddings: the nearest people, most alike first, and the lists that they are on. A track is searched by its fused vector, through the embedding of its face_id. An embedding that does not exist any more, or is another one of a track, has no row. exact_up_to: null is the default, exact_up_to().';
