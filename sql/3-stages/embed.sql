-- Embedding: a face becomes a vector.
--
-- consumes face.detected · writes embedding · emits face.embedded for a probe, which match consumes, or track where the camera
-- has a frame rate, and photo.embedded for a face that enrols somebody, which enrol consumes

create or replace function watchpost.write_embeddings(
  passed uuid[], model text, dimension integer, events uuid[], faces uuid[], norms real[], vectors real[]
) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  written integer;
begin
  insert into watchpost.embedding (face_id, model_id, vector, norm)
  select v.face_id, model, vectors[(v.place - 1) * dimension + 1 : v.place * dimension]::halfvec, v.norm
  from unnest(events, faces, norms) with ordinality as v (event_id, face_id, norm, place)
  where v.event_id = any (passed);
  get diagnostics written = row_count;
  return written;
end;
$$;

comment on function watchpost.write_embeddings is 'embed: one embedding a face. vectors are all vectors, one behind the other.';


-- A face of a probe that was made a photo of somebody is both. The faces of a reference photo that were not chosen are
-- neither.
create or replace function watchpost.emit_embedded() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'face.embedded', e.id, f.image_id,
    jsonb_build_object('image_id', f.image_id, 'face_id', f.id, 'embedding_id', e.id),
    -- A single photo is matched. Of a camera with a frame rate a face is tied to a track, which is matched.
    array_remove(
      (select watchpost.subscribers('face.embedded')), case when c.frames_per_second is null then 'track' else 'match' end
    )
  from new_rows as e
  join watchpost.face as f on f.id = e.face_id
  join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
  left join watchpost.camera as c on c.id = i.camera_id;

  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'photo.embedded', e.id, f.image_id,
    jsonb_build_object(
      'image_id', f.image_id, 'person_photo_id', p.id, 'person_id', p.person_id, 'face_id', f.id, 'embedding_id', e.id
    ),
    (select watchpost.subscribers('photo.embedded'))
  from new_rows as e
  join watchpost.face as f on f.id = e.face_id
  join watchpost.person_photo as p
    on p.image_id = f.image_id and f.ordinal = coalesce(p.chosen_face, 1) and p.removed_at is null;
  return null;
end;
$$;

comment on function watchpost.emit_embedded() is 'One face.embedded for each new embedding of a probe, for match or for track, one photo.embedded for each person that it is to enrol.';

create or replace trigger embedding_emit after insert on watchpost.embedding
referencing new table as new_rows
for each statement execute function watchpost.emit_embedded();
