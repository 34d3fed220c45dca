-- Detecting: the faces of a photo.
--
-- consumes image.received, photo.added · writes face, and format, size and damage of image, and rotation of camera · emits face.detected, which
-- embed consumes, and describe where it is enabled

create or replace function watchpost.write_faces(
  passed       uuid[],
  photo_events uuid[], images uuid[], formats text[], widths integer[], heights integer[],
  undecoded    real[],
  detector     text,
  face_events  uuid[], face_images uuid[], ordinals smallint[], boxes text[], points text[], qualities text[], gates text[],
  crop_lengths integer[], crops bytea,
  stills       jsonb,
  rotations    jsonb
) returns integer
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off
as $$
declare
  written integer;
begin
  update watchpost.image as i
  set format = p.format, width = p.width, height = p.height, undecoded_share = p.undecoded
  from unnest(photo_events, images, formats, widths, heights, undecoded)
    as p (event_id, image_id, format, width, height, undecoded)
  where i.id = p.image_id and p.event_id = any (passed);

  insert into watchpost.face (
    image_id, detector_id, ordinal, box_x, box_y, box_width, box_height, points, score,
    height_px, sharpness, yaw, pitch, roll, gate, crop
  )
  select
    f.image_id, detector, f.ordinal, f.box[1], f.box[2], f.box[3], f.box[4], f.points::real[], f.quality[1],
    f.quality[2], f.quality[3], f.quality[4], f.quality[5], f.quality[6], f.gate::text[],
    substr(crops, f.crop_at, f.crop_length)
  from (
    select
      u.event_id, u.image_id, u.ordinal, u.box::real[] as box, u.points, u.quality::real[] as quality, u.gate,
      u.crop_length,
      (1 + sum(u.crop_length) over (order by u.place) - u.crop_length)::integer as crop_at
    from unnest(face_events, face_images, ordinals, boxes, points, qualities, gates, crop_lengths)
      with ordinality as u (event_id, image_id, ordinal, box, points, quality, gate, crop_length, place)
  ) as f
  where f.event_id = any (passed);
  get diagnostics written = row_count;

  if stills is not null then
    perform watchpost.write_still_frames(passed, stills);
  end if;
  if rotations is not null then
    perform watchpost.write_rotations(passed, rotations);
  end if;
  return written;
end;
$$;

comment on function watchpost.write_faces is 'detect: the size and damage of each photo and the faces in it. Boxes, points, qualities and gates are array literals; crops are the JPEGs of all faces, one behind the other; stills: see write_still_frames; rotations: see write_rotations.';


-- A camera of which somebody has said meanwhile how it is mounted stays as it is.
create or replace function watchpost.write_rotations(passed uuid[], rotations jsonb) returns void
language plpgsql
as $$
declare
  -- As a clause of the function only a superuser could set it, and create the function.
  before text := coalesce(current_setting('watchpost.actor', true), '');
begin
  perform set_config('watchpost.actor', 'worker', true);
  update watchpost.camera as c
  set rotation = r.rotation
  from jsonb_to_recordset(rotations) as r (event_id uuid, camera_id uuid, rotation smallint)
  where c.id = r.camera_id and c.rotation is null and r.event_id = any (passed);
  perform set_config('watchpost.actor', before, true);
end;
$$;

comment on function watchpost.write_rotations is 'Part of write_faces: how cameras are mounted, as their frames have shown. The event camera.changed is by worker.';


create or replace function watchpost.emit_face_detected() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'face.detected', f.id, f.image_id,
    jsonb_build_object('image_id', f.image_id, 'face_id', f.id),
    (select watchpost.subscribers('face.detected'))
  from new_rows as f;
  return null;
end;
$$;

comment on function watchpost.emit_face_detected() is 'One face.detected for each new face.';

create or replace trigger face_emit after insert on watchpost.face
referencing new table as new_rows
for each statement execute function watchpost.emit_face_detected();
