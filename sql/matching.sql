-- Whom a face is: the search, and who gives way to whom in one photo.

-- searching -----------------------------------------------------------------------------------------------------------

-- The people on active watchlists that are nearest to a vector: those with the nearest references, in the order of
-- their similarity fused over all their photos, which is the cosine with the mean of their references.
--
-- Measured on the 400 ORL portraits (some photos of each person enrolled, the rest of all people as probes): at a
-- threshold of 0.45 the best single reference takes 0.38, 0.50 and 0.71% of strangers for somebody with 2, 3 and 5
-- photos a person, and finds 98.9, 99.3 and 99.6%; the mean takes 0.25, 0 and 0%, and finds 99.0, 99.2 and 99.6%. At
-- one false-positive rate they find the same within 0.3%: what the mean gains is one threshold for any number of
-- photos. The mean of the best two finds 0.5% fewer with 2 photos; the greater of best and mean errs like the best.
--
-- The exact form orders by the bare column, which no index serves.
create or replace function watchpost.nearest_people(
  probe halfvec, model text, method text, most integer default 5
) returns table (person_id uuid, reference_id uuid, similarity real, reference_similarity real)
language plpgsql
as $$
declare
  -- Who is nearest by one photo need not be by all of them: at least so many compete.
  contenders integer := greatest(most, 5);
begin
  if method = 'exact' then
    return query
    with near as materialized (
      select b.person_id, b.reference_id, b.distance
      from (
        select distinct on (r.person_id) r.person_id, r.id as reference_id, r.vector <=> probe as distance
        from watchpost.reference as r
        where r.model_id = model
          and r.superseded_at is null
          and exists (
            select
            from watchpost.watchlist_entry as e
            join watchpost.active_watchlist as w on w.id = e.watchlist_id
            where e.person_id = r.person_id
          )
        order by r.person_id, r.vector <=> probe
      ) as b
      order by b.distance
      limit contenders
    )
    select n.person_id, n.reference_id, f.similarity, (1 - n.distance)::real
    from near as n
    cross join lateral (
      select (1 - (avg(r.vector) <=> probe))::real as similarity
      from watchpost.reference as r
      where r.person_id = n.person_id and r.model_id = model and r.superseded_at is null
    ) as f
    order by f.similarity desc, n.person_id
    limit most;
    return;
  end if;

  return query select n.* from watchpost.nearest_by_index(probe, model, contenders, most) as n;
end;
$$;

comment on function watchpost.nearest_people is 'Whom a vector of this model looks like most, among the people on active watchlists: the nearest reference of each, and the similarity fused over all their photos, by which they are ordered. method: exact or hnsw.';


-- Orders by the expression of the model's index. An HNSW scan filters afterwards, so it must be iterative, or a list of
-- few people among many comes back empty. Whether the index is worth it was decided by counting (exactUpTo in
-- src/watchlist/nearest.ts): the planner, who can only guess how many people are on active lists, is kept from sorting.
create or replace function watchpost.nearest_by_index(
  probe halfvec, model text, contenders integer, most integer
) returns table (person_id uuid, reference_id uuid, similarity real, reference_similarity real)
language plpgsql set enable_sort = off
as $$
declare
  dimension integer := vector_dims(probe);
begin
  perform set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '100', true);
  return query execute format(
    $query$
      with near as materialized (
        select r.person_id, r.id as reference_id, (r.vector::halfvec(%1$s)) <=> $1::halfvec(%1$s) as distance
        from watchpost.reference as r
        where r.model_id = %2$L
          and r.superseded_at is null
          and exists (
            select
            from watchpost.watchlist_entry as e
            join watchpost.active_watchlist as w on w.id = e.watchlist_id
            where e.person_id = r.person_id
          )
        order by (r.vector::halfvec(%1$s)) <=> $1::halfvec(%1$s)
        limit $2 * 8
      ),
      best as (
        select b.person_id, b.reference_id, b.distance
        from (
          select distinct on (n.person_id) n.person_id, n.reference_id, n.distance
          from near as n
          order by n.person_id, n.distance
        ) as b
        order by b.distance
        limit $2
      )
      select b.person_id, b.reference_id, f.similarity, (1 - b.distance)::real
      from best as b
      cross join lateral (
        select (1 - (avg(r.vector) <=> $1))::real as similarity
        from watchpost.reference as r
        where r.person_id = b.person_id and r.model_id = %2$L and r.superseded_at is null
      ) as f
      order by f.similarity desc, b.person_id
      limit $3
    $query$,
    dimension, model
  ) using probe, contenders, most;
end;
$$;

comment on function watchpost.nearest_by_index is 'Part of nearest_people: through the HNSW index of the model.';

-- one face per person in a photo --------------------------------------------------------------------------------------

-- Always that of the face, whatever is written: a worker of the version before, beside this one during an upgrade, does
-- not know the column.
create or replace function watchpost.fill_match_image() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.image_id := (select f.image_id from watchpost.face as f where f.id = new.face_id);
  return new;
end;
$$;

comment on function watchpost.fill_match_image() is 'Makes match.image_id the photo of the face.';

create or replace trigger match_image before insert on watchpost.match
for each row execute function watchpost.fill_match_image();


-- Everybody who adds to what stands in a photo, or takes from it, holds its lock, taken in the order of the ids: so of
-- two workers that have found one person in two faces of a photo, the second sees what the first has written.
create or replace function watchpost.lock_images(images uuid[]) returns void
language plpgsql
as $$
begin
  perform from watchpost.image as i where i.id = any (images) order by i.id for no key update;
end;
$$;

comment on function watchpost.lock_images(uuid[]) is 'Takes turns on photos, until the end of the transaction.';


create or replace function watchpost.standing_matches(images uuid[]) returns table (
  match_id uuid, image_id uuid, face_id uuid, person_id uuid, similarity real
)
language plpgsql
as $$
begin
  perform watchpost.lock_images(images);
  -- A statement of its own, which sees what those before have committed.
  return query
  select m.id, m.image_id, m.face_id, m.person_id, m.similarity
  from watchpost.match as m
  where m.image_id = any (images) and m.superseded_at is null;
end;
$$;

comment on function watchpost.standing_matches(uuid[]) is 'Locks photos and tells who is in them as it stands.';


-- A search says in its outcome what stands, so it is written again with the matches withdrawn, and the old one kept.
create or replace function watchpost.withdraw_matches(matches uuid[], outcome text) returns void
language plpgsql
as $$
begin
  perform watchpost.supersede_matches(matches, outcome);
  with earlier as (
    update watchpost.search as s
    set superseded_at = now()
    where s.id = any (array(select m.search_id from watchpost.match as m where m.id = any (matches)))
      and s.superseded_at is null
    returning s.*
  )
  insert into watchpost.search (
    embedding_id, face_id, model_id, watchlists, watchlist_versions, method, outcome, gate,
    reference_id, person_id, similarity, reference_similarity, retroactive
  )
  select
    e.embedding_id, e.face_id, e.model_id, e.watchlists, e.watchlist_versions, e.method, withdraw_matches.outcome, e.gate,
    e.reference_id, e.person_id, e.similarity, e.reference_similarity, e.retroactive
  from earlier as e;
end;
$$;

comment on function watchpost.withdraw_matches is 'Supersedes matches, and their searches by ones of this outcome: outranked or cannot_link.';
