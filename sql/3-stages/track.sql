-- Tracking: the faces of a camera with frames_per_second are tied to tracks, by place and likeness.
--
-- consumes face.embedded · writes track, track_id and quality of face · emits track.begun and track.improved, which match
-- consumes, and track.joined
--
-- By what faces are tied: sql/4-people/track-rules.sql. When a track is given to be searched: sql/4-people/tracks.sql.

create or replace function watchpost.lock_camera_tracks(camera uuid) returns void
language plpgsql
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('watchpost.track|' || camera, 0));
end;
$$;

comment on function watchpost.lock_camera_tracks(uuid) is 'Lets one transaction at a time tie faces of a camera.';


-- Superseded faces count: those of a photo that was detected again find the track that they were in.
create or replace function watchpost.track_candidates(
  frame uuid, camera uuid, at timestamptz, gap interval, embeddings uuid[]
) returns table (embedding_id uuid, track_id uuid, score real)
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  rules constant record := watchpost.track_rules();
begin
  return query
  with seen as materialized (
    select n.*
    from (
      select
        f.track_id, f.id as face_id, f.box_x + f.box_width / 2 as x, f.box_y + f.box_height / 2 as y,
        f.box_height as height, f.usable, extract(epoch from i.seen_at - at)::real as secs,
        row_number() over (
          partition by f.track_id order by abs(extract(epoch from i.seen_at - at)), f.superseded_at is not null, f.id
        ) as place
      from (
        -- What a still frame shows is in the frame that it is like.
        select coalesce(s.of_image_id, k.id) as id, k.captured_at as seen_at
        from watchpost.image as k
        left join watchpost.still_frame as s on s.image_id = k.id
        where k.camera_id = camera and k.captured_at between at - gap and at + gap
      ) as i
      -- Fenced off, so that no plan reads all faces with a track, by the index on those, to join them.
      cross join lateral (select f.* from watchpost.face as f where f.image_id = i.id offset 0) as f
      where f.track_id is not null and (i.id <> frame or f.superseded_at is not null)
    ) as n
    where n.place <= 3
  ),
  expected as materialized (
    select
      a.track_id, a.x, a.y, a.height, a.usable, abs(a.secs) as apart,
      array(select s.face_id from seen as s where s.track_id = a.track_id) as face_ids,
      -- By the speed between the two, for at most three times as long as is between them.
      a.x + coalesce((a.x - b.x) * greatest(-3, least(3, a.secs / nullif(b.secs - a.secs, 0))), 0) as x_then,
      a.y + coalesce((a.y - b.y) * greatest(-3, least(3, a.secs / nullif(b.secs - a.secs, 0))), 0) as y_then
    from seen as a
    left join seen as b on b.track_id = a.track_id and b.place = 2
    where a.place = 1
  ),
  compared as (
    select
      p.id as embedding_id, x.track_id, x.apart, p.usable and x.usable as usable,
      least(p.height, x.height) / greatest(p.height, x.height) as ratio,
      least(
        sqrt((p.x - x.x) ^ 2 + (p.y - x.y) ^ 2), sqrt((p.x - x.x_then) ^ 2 + (p.y - x.y_then) ^ 2)
      ) / ((p.height + x.height) / 2) as distance,
      greatest(
        (
          select max(watchpost.likeness(p.vector, e.vector))
          from watchpost.embedding as e
          where e.face_id = any (x.face_ids) and e.model_id = p.model_id
        ),
        case when t.model_id = p.model_id then watchpost.likeness(p.vector, t.vector) end
      ) as likeness
    from (
      select
        e.id, e.model_id, e.vector, f.box_x + f.box_width / 2 as x, f.box_y + f.box_height / 2 as y,
        f.box_height as height, f.usable
      from watchpost.embedding as e
      join watchpost.face as f on f.id = e.face_id
      where e.id = any (embeddings)
    ) as p
    cross join expected as x
    join watchpost.track as t on t.id = x.track_id
  )
  select
    c.embedding_id, c.track_id,
    (c.likeness - rules.distance_weight * c.distance)::real
  from compared as c
  where c.ratio >= rules.size_ratio
    and (
      c.distance <= rules.near_reach + rules.near_reach_a_second * c.apart
        and c.likeness >= case when c.usable then rules.near_likeness else rules.poor_likeness end
      or c.distance <= rules.far_reach + rules.far_reach_a_second * c.apart
        and c.likeness >= rules.far_likeness
    );
end;
$$;

comment on function watchpost.track_candidates is 'Which faces of a frame may be tied to which tracks of its camera that were seen within the gap, before or after, and how well they fit.';


create or replace function watchpost.tie_face(
  embedding uuid, track uuid, camera uuid, at timestamptz, least_norm real
) returns uuid
language plpgsql
as $$
declare
  kept constant integer := (watchpost.track_rules()).kept;
  tied uuid := coalesce(track, watchpost.uuidv7());
  own record;
  span record;
begin
  select f.id, f.image_id, watchpost.quality_of(f, e.norm, least_norm) as quality into own
  from watchpost.embedding as e
  join watchpost.face as f on f.id = e.face_id
  where e.id = embedding;
  select s.* into span from watchpost.frame_span(own.image_id, at) as s;
  if track is null then
    insert into watchpost.track (id, camera_id, began_at, ended_at) values (tied, camera, at, at);
  end if;
  update watchpost.face as f
  set track_id = tied, quality = own.quality
  where f.id = own.id and f.superseded_at is null;
  -- It was deleted, or is being replaced.
  if not found then
    delete from watchpost.track as t where t.id = tied and track is null;
    return null;
  end if;
  update watchpost.track as t
  set began_at = least(t.began_at, span.first_at),
      ended_at = greatest(t.ended_at, span.last_at),
      faces = t.faces + 1,
      looks = t.looks + (own.quality > 0)::integer,
      best = case
        when own.quality > 0 then array(
          select f.id from watchpost.face as f where f.id = any (t.best || own.id) order by f.quality desc, f.id limit kept
        )
        else t.best
      end,
      quality = case when own.quality > 0 then greatest(t.quality, own.quality) else t.quality end
  where t.id = tied;
  return tied;
end;
$$;

comment on function watchpost.tie_face is 'Part of follow_frame: makes a face part of a track, or of a new one, and counts it; returns the track. Null: the face is gone.';


-- The best pair first; each face goes to one track, and each track gets one face. A face that fits two tracks that were at
-- no time there together has shown that they are one.
create or replace function watchpost.follow_frame(
  frame uuid, camera uuid, at timestamptz, gap interval, embeddings uuid[], least_norm real
) returns uuid[]
language plpgsql
as $$
declare
  taken uuid[] := array(
    select f.track_id
    from watchpost.face as f
    where f.image_id = frame and f.track_id is not null and f.superseded_at is null
  );
  tracks jsonb := '{}';
  pair record;
  earlier uuid;
  one uuid;
begin
  for pair in
    select c.* from watchpost.track_candidates(frame, camera, at, gap, embeddings) as c
    order by c.score desc, c.embedding_id, c.track_id
  loop
    continue when pair.track_id = any (taken);
    earlier := (tracks ->> pair.embedding_id::text)::uuid;
    if earlier is null then
      one := watchpost.tie_face(pair.embedding_id, pair.track_id, camera, at, least_norm);
      continue when one is null;
    else
      continue when not exists (
        select
        from watchpost.track as a
        join watchpost.track as b on b.id = pair.track_id
        where a.id = earlier
          and (b.ended_at < at and a.began_at > b.ended_at or b.began_at > at and a.ended_at < b.began_at)
      );
      one := watchpost.join_tracks(
        earlier, pair.track_id, (select e.face_id from watchpost.embedding as e where e.id = pair.embedding_id)
      );
    end if;
    tracks := tracks || jsonb_build_object(pair.embedding_id, one);
    taken := taken || pair.track_id || one;
  end loop;

  foreach one in array embeddings loop
    if not tracks ? one::text then
      tracks := tracks || jsonb_build_object(one, watchpost.tie_face(one, null, camera, at, least_norm));
    end if;
  end loop;
  return array(select t.id::uuid from jsonb_each_text(tracks) as t (embedding_id, id) where t.id is not null);
end;
$$;

comment on function watchpost.follow_frame is 'Ties the faces of a frame to tracks; returns those.';


-- The frames in the order in which they were taken, whatever the order in which they came. A face that was embedded again
-- stays in its track, which is searched again if it rests on the face.
create or replace function watchpost.write_tracks(
  passed uuid[], events uuid[], embeddings uuid[], least_norm real
) returns integer
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
as $$
declare
  frame record;
  camera uuid;
  touched uuid[] := '{}';
begin
  for camera in
    select distinct i.camera_id
    from unnest(events, embeddings) as n (event_id, embedding_id)
    join watchpost.embedding as e on e.id = n.embedding_id
    join watchpost.face as f on f.id = e.face_id
    join watchpost.image as i on i.id = f.image_id
    where n.event_id = any (passed)
    order by 1
  loop
    perform watchpost.lock_camera_tracks(camera);
  end loop;

  -- A statement of its own, which sees what others have committed before the locks were granted. What is superseded is left out
  -- of the arrays, not of the joins: to a plan that was made while there were no rows yet a partial index on what stands looks
  -- cheaper than the key, and then all of it is read for each frame, 100 ms of 750 faces.
  for frame in
    select
      i.id, i.camera_id, i.captured_at, c.track_gap,
      array_agg(e.id order by f.ordinal) filter (where s.stands and f.track_id is null) as fresh,
      array_agg(f.track_id) filter (where s.stands and (t.face_id = f.id or f.id = any (t.best))) as embedded_again
    from unnest(events, embeddings) as n (event_id, embedding_id)
    join watchpost.embedding as e on e.id = n.embedding_id
    join watchpost.face as f on f.id = e.face_id
    join watchpost.image as i on i.id = f.image_id
    join watchpost.camera as c on c.id = i.camera_id
    left join watchpost.track as t on t.id = f.track_id
    cross join lateral (select e.superseded_at is null and f.superseded_at is null as stands) as s
    where n.event_id = any (passed)
    group by i.id, c.id
    order by i.captured_at, i.id
  loop
    if frame.fresh is not null then
      touched := touched || watchpost.follow_frame(
        frame.id, frame.camera_id, frame.captured_at, frame.track_gap, frame.fresh, least_norm
      );
    end if;
    if frame.embedded_again is not null then
      perform watchpost.refresh_tracks(frame.embedded_again, true);
    end if;
  end loop;
  perform watchpost.settle_tracks(touched);
  perform watchpost.extend_sightings(touched);
  return cardinality(touched);
end;
$$;

comment on function watchpost.write_tracks is 'track: ties faces to the tracks of their camera, and gives those to be searched that have begun or got better. least_norm: of an embedding that is compared.';
