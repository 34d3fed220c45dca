-- The people most similar to the faces of a batch, for match and backfills: with which lists each face is compared, and how.

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
