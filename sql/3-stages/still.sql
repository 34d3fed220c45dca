-- Still frames: of cameras with a rate, frames in which nothing has moved, over which no model is run.
--
-- part of detect · writes still_frame, and how long tracks are

-- A still frame has no faces of its own. Whoever is in the frame that it is like is there for as long as that is still.
create or replace function watchpost.frame_span(
  image uuid, captured_at timestamptz, out first_at timestamptz, out last_at timestamptz
)
language sql stable
begin atomic
  select least(frame_span.captured_at, min(i.captured_at)), greatest(frame_span.captured_at, max(i.captured_at))
  from watchpost.still_frame as s
  join watchpost.image as i on i.id = s.image_id
  where s.of_image_id = frame_span.image;
end;

comment on function watchpost.frame_span is 'From when until when what a frame shows was to be seen: the time of the frame, and of those that were still because of it.';


create or replace function watchpost.still_frames_of(images uuid[]) returns uuid[]
language sql stable
begin atomic
  select coalesce(array_agg(s.image_id), '{}') from watchpost.still_frame as s where s.of_image_id = any (images);
end;

comment on function watchpost.still_frames_of(uuid[]) is 'The frames that were still because of these, and so show the same.';


-- Faces that are not tied yet are tied for the whole time: see tie_face.
create or replace function watchpost.extend_still_tracks(frames uuid[]) returns void
language plpgsql
as $$
declare
  camera uuid;
  extended uuid[];
begin
  for camera in select distinct i.camera_id from watchpost.image as i where i.id = any (frames) order by 1 loop
    perform watchpost.lock_camera_tracks(camera);
  end loop;
  with seen as materialized (
    select f.track_id, min(s.first_at) as first_at, max(s.last_at) as last_at
    from watchpost.face as f
    join watchpost.image as i on i.id = f.image_id
    cross join lateral watchpost.frame_span(i.id, i.captured_at) as s
    where f.image_id = any (frames) and f.track_id is not null and f.superseded_at is null
    group by f.track_id
  ),
  locked as materialized (
    select t.id, s.first_at, s.last_at
    from watchpost.track as t
    join seen as s on s.track_id = t.id
    where s.first_at < t.began_at or s.last_at > t.ended_at
    order by t.id
    for no key update of t
  ),
  changed as (
    update watchpost.track as t
    set began_at = least(t.began_at, l.first_at), ended_at = greatest(t.ended_at, l.last_at)
    from locked as l
    where t.id = l.id
    returning t.id
  )
  select array_agg(c.id) into extended from changed as c;
  perform watchpost.extend_sightings(extended);
end;
$$;

comment on function watchpost.extend_still_tracks(uuid[]) is 'Part of write_still_frames: extends the tracks of faces of these frames to the still frames that show the same, with their sightings.';


-- Of a frame that was deleted meanwhile there is nothing to be like: then the photo has no face, as others without one.
create or replace function watchpost.write_still_frames(passed uuid[], stills jsonb) returns void
language plpgsql
as $$
declare
  frames uuid[];
begin
  with written as (
    insert into watchpost.still_frame (image_id, of_image_id, difference)
    select s.image_id, i.id, s.difference
    from jsonb_to_recordset(stills) as s (event_id uuid, image_id uuid, "of" uuid, difference real)
    join watchpost.image as i on i.id = s."of"
    where s.event_id = any (passed)
    order by s.image_id
    on conflict (image_id) do nothing
    returning of_image_id
  )
  select array_agg(distinct w.of_image_id) into frames from written as w;
  if frames is not null then
    perform watchpost.extend_still_tracks(frames);
  end if;
end;
$$;

comment on function watchpost.write_still_frames is 'Part of write_faces: photos in which nothing has moved since another one, which was searched.';
