-- Still frames: of cameras with a rate, frames in which nothing has moved, over which no model is run.
--
-- part of detect · writes still_frame

-- Of a frame that was deleted meanwhile there is nothing to be like: then the photo has no face, as others without one.
create or replace function watchpost.write_still_frames(passed uuid[], stills jsonb) returns void
language sql
begin atomic
  insert into watchpost.still_frame (image_id, of_image_id, difference)
  select s.image_id, i.id, s.difference
  from jsonb_to_recordset(stills) as s (event_id uuid, image_id uuid, "of" uuid, difference real)
  join watchpost.image as i on i.id = s."of"
  where s.event_id = any (passed)
  order by s.image_id
  on conflict (image_id) do nothing;
end;

comment on function watchpost.write_still_frames is 'Part of write_faces: photos in which nothing has moved since another one, which was searched.';


create or replace function watchpost.still_frames_of(images uuid[]) returns uuid[]
language sql stable
begin atomic
  select coalesce(array_agg(s.image_id), '{}') from watchpost.still_frame as s where s.of_image_id = any (images);
end;

comment on function watchpost.still_frames_of(uuid[]) is 'The frames that were still because of these, and so show the same.';
