-- Detecting: the faces of a photo.
--
-- consumes image.received, photo.added · writes face, and image.format, width and height · emits face.detected, which
-- embed consumes, and describe where it is enabled

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
