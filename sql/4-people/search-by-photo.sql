-- Searching by a face of a photo that is not stored, whose vector the caller has computed. By a stored face:
-- search-by-face.sql.
--
-- These functions run with their owner's rights, because the role of the API and readers may not read a vector. They give
-- no vector away: ids, similarities, and what the caller may see anyway, which search-visible.sql decides.

-- As many vectors in one array as there are faces: see realArray in src/database/binary.ts.
create or replace function watchpost.probes_of(numbers real[], dimension integer) returns table (place integer, vector halfvec)
language plpgsql immutable
as $$
begin
  return query
  select n, numbers[(n - 1) * dimension + 1 : n * dimension]::halfvec
  from generate_series(1, cardinality(numbers) / dimension) as n;
end;
$$;

comment on function watchpost.probes_of is 'The vectors of several faces, one after the other in numbers, counted from 1.';


create or replace function watchpost.search_people(
  model text, dimension integer, numbers real[], most integer default 5, lists uuid[] default null,
  stored_face uuid default null
) returns table (place integer, method text, watchlists uuid[], candidates json)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  searched uuid[];
  versions integer[];
  how text;
begin
  select coalesce(array_agg(w.id order by w.id), '{}'), coalesce(array_agg(w.version order by w.id), '{}')
  into searched, versions
  from watchpost.visible_lists() as w
  where lists is null or w.id = any (lists);
  how := case watchpost.search_method(model, searched, versions, watchpost.exact_up_to()) when 'hnsw' then 'hnsw' else 'exact' end;

  return query
  select
    p.place, how, searched,
    (
      select
        coalesce(
          json_agg(
            json_build_object(
              'person_id', n.person_id,
              'person', k.name,
              'external_ref', k.external_ref,
              'reference_id', n.reference_id,
              'reference_face_id', (
                select e.face_id
                from watchpost.reference as r
                join watchpost.embedding as e on e.id = r.embedding_id
                where r.id = n.reference_id
              ),
              'similarity', n.similarity,
              'reference_similarity', n.reference_similarity,
              'ruled_out',
              n.similarity >= o.lowest and watchpost.is_ruled_out(n.person_id, stored_face, model, p.vector, n.similarity),
              'lists', o.lists
            )
            order by n.similarity desc, n.person_id
          ),
          '[]'
        )
      from watchpost.nearest_people(p.vector, model, how, most, searched) as n
      join watchpost.person as k on k.id = n.person_id
      cross join lateral (
        select
          min(w.threshold) as lowest,
          json_agg(json_build_object('id', w.id, 'name', w.name, 'threshold', w.threshold) order by w.id) as lists
        from watchpost.watchlist_entry as e
        join watchpost.watchlist as w on w.id = e.watchlist_id
        where e.person_id = n.person_id and e.watchlist_id = any (searched)
      ) as o
    )
  from watchpost.probes_of(numbers, dimension) as p
  order by p.place;
end;
$$;

comment on function watchpost.search_people is 'Part of a search by photo: for each of several vectors of this model, one after the other in numbers, the people on the active lists (or on the given ones of them) who are most alike, as find_nearest() gives them for stored faces, with their names and lists. stored_face: the one that has this vector, if it is stored.';


-- One pass over all vectors of the model for all faces together. The vectors have length 1, so the inner product, which
-- takes less than the cosine, says who is near enough, with 0.001 for rounding.
create or replace function watchpost.search_past_faces(
  model text, dimension integer, numbers real[], least_similarity real, most integer default 20,
  since timestamptz default null, other_than uuid default null
) returns table (
  place integer, face_id uuid, image_id uuid, similarity real, seen_at timestamptz, camera text, location text,
  person_id uuid, person text, stranger_id uuid
)
language plpgsql security definer set search_path = pg_catalog, pg_temp set jit = off
as $$
begin
  return query
  with probe as materialized (
    select p.place, p.vector from watchpost.probes_of(numbers, dimension) as p
  ),
  near as materialized (
    select p.place, e.face_id, e.vector <=> p.vector as distance
    from watchpost.embedding as e
    cross join probe as p
    where e.model_id = model
      and e.superseded_at is null
      -- A photo may be taken a day after it is received, by its camera's clock.
      and e.id >= coalesce(
        watchpost.uuidv7_at(search_past_faces.since - interval '1 day'), '00000000-0000-0000-0000-000000000000'
      )
      and e.vector <#> p.vector <= 0.001 - least_similarity
  ),
  ranked as (
    select
      n.place, n.face_id, f.image_id, (1 - n.distance)::real as similarity, i.captured_at, i.camera_id,
      row_number() over (partition by n.place order by n.distance, n.face_id) as rank
    from near as n
    join watchpost.face as f on f.id = n.face_id and f.superseded_at is null
    join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
    where n.distance <= 1 - least_similarity
      and (search_past_faces.since is null or i.captured_at >= search_past_faces.since)
      and (other_than is null or f.id <> other_than)
      and watchpost.visible_image(i.id)
  )
  select
    r.place, r.face_id, r.image_id, r.similarity, r.captured_at, k.name, k.location, m.person_id, m.name, s.stranger_id
  from ranked as r
  left join watchpost.camera_place as k on k.camera_id = r.camera_id and k.during @> r.captured_at
  left join watchpost.stranger_face as s on s.face_id = r.face_id
  left join lateral (
    select m.person_id, p.name
    from watchpost.match as m
    join watchpost.person as p on p.id = m.person_id
    where m.face_id = r.face_id and m.superseded_at is null and watchpost.visible_list(m.watchlist_id)
    limit 1
  ) as m on true
  where r.rank <= most
  order by r.place, r.rank;
end;
$$;

comment on function watchpost.search_past_faces is 'Part of a search by photo: the faces of stored photos that are most alike, and who they were found to be. Reads every vector of the model that is younger than since: some seconds for a million, for each face.';


create or replace function watchpost.search_strangers(
  model text, dimension integer, numbers real[], least_similarity real, most integer default 5
) returns table (
  place integer, stranger_id uuid, similarity real, faces integer, first_seen timestamptz, last_seen timestamptz,
  nearest_face_id uuid
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select p.place, s.*
  from watchpost.probes_of(numbers, dimension) as p
  cross join lateral (
    select
      f.stranger_id, max(n.similarity) as similarity, own.faces, own.first_seen, own.last_seen,
      (array_agg(n.face_id order by n.similarity desc, n.face_id))[1] as nearest_face_id
    from watchpost.stranger_neighbours(p.vector, model, least_similarity) as n
    join watchpost.stranger_face as f on f.face_id = n.face_id
    join watchpost.stranger as g on g.id = f.stranger_id and g.person_id is null
    cross join lateral (
      select count(*)::integer as faces, min(a.seen_at) as first_seen, max(a.seen_at) as last_seen
      from watchpost.stranger_face as a
      join watchpost.face as h on h.id = a.face_id
      join watchpost.image as i on i.id = h.image_id
      where a.stranger_id = f.stranger_id and watchpost.visible_image(i.id)
    ) as own
    where own.faces > 0
      and exists (
        select
        from watchpost.face as h
        join watchpost.image as i on i.id = h.image_id
        where h.id = n.face_id and watchpost.visible_image(i.id)
      )
    group by f.stranger_id, own.faces, own.first_seen, own.last_seen
    order by 2 desc, 1
    limit most
  ) as s
  order by p.place, s.similarity desc, s.stranger_id;
end;
$$;

comment on function watchpost.search_strangers is 'Part of a search by photo: the strangers, of whom nobody is a person yet, with a face that is alike.';


create or replace function watchpost.compare_with_photo(
  model text, dimension integer, numbers real[], photo uuid
) returns table (place integer, similarity real)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select p.place, watchpost.likeness(r.vector, p.vector)
  from watchpost.probes_of(numbers, dimension) as p
  join watchpost.reference as r on r.person_photo_id = photo and r.model_id = model and r.superseded_at is null
  join watchpost.person_photo as f on f.id = photo
  where exists (
    select
    from watchpost.watchlist_entry as e
    join watchpost.visible_lists() as w on w.id = e.watchlist_id
    where e.person_id = f.person_id
  )
  order by p.place;
end;
$$;

comment on function watchpost.compare_with_photo is 'The cosine of each of several faces with the enrolled face of a photo of somebody on an active list; no rows: it is not enrolled.';


select watchpost.add_vector_schema('{probes_of,search_people,search_past_faces,search_strangers,compare_with_photo}');
