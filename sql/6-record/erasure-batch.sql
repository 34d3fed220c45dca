-- A batch of an erasure: the next rows of a person, or a photo. How an erasure begins and ends: erasure.sql.

create or replace function watchpost.erase_some(erasure uuid, most integer default 100) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  e watchpost.erasure;
  erased integer := 0;
begin
  select k.* into e from watchpost.erasure as k where k.id = erase_some.erasure for update;
  if e.id is null or e.finished_at is not null or not (
    watchpost.sees_all() or coalesce(watchpost.shows_erasure(watchpost.my_scope(), e.site_id, e.actor), false)
  ) then
    return 0;
  end if;
  perform set_config('watchpost.erasing', e.id::text, true);
  if e.what = 'image' then
    erased := watchpost.erase_photo(e.subject_id);
  else
    erased := watchpost.erase_of_person(e, most);
  end if;
  perform set_config('watchpost.erasing', '', true);
  return erased;
end;
$$;

comment on function watchpost.erase_some is 'Erases the next rows, at most about so many of a table; returns how many, 0: finish_erasure() is what is left to do.';


-- Off every list first, so that nobody is taken for them any more. The person comes last: until then they are found by name
-- and the same call goes on.
create or replace function watchpost.erase_of_person(e watchpost.erasure, most integer) returns integer
language plpgsql
as $$
declare
  erased integer;
begin
  erased := watchpost.delete_entries(most, person => e.subject_id);
  if erased = 0 then
    erased := watchpost.delete_sightings(most, person => e.subject_id);
  end if;
  if erased = 0 then
    perform watchpost.note_enrolled_faces(e);
    delete from watchpost.image as i
    where i.id in (select p.id from watchpost.own_photos(e.subject_id) as p (id) limit most);
    get diagnostics erased = row_count;
  end if;
  if erased = 0 then
    erased := watchpost.erase_faces(e, most);
  end if;
  if erased = 0 then
    delete from watchpost.event_content as c
    where c.event_id in (
      select k.event_id from watchpost.event_content as k where k.person_id = any (e.people)
      union
      select k.event_id from watchpost.event_content as k where k.other_person_id = any (e.people)
      limit most
    );
    get diagnostics erased = row_count;
  end if;
  return erased;
end;
$$;

comment on function watchpost.erase_of_person is 'Part of erase_some: the next rows of a person.';


-- In photos that enrol others too, and in probes whose face was made a photo of this person.
create or replace function watchpost.note_enrolled_faces(e watchpost.erasure) returns void
language plpgsql
as $$
begin
  insert into watchpost.erasure_face (face_id, erasure_id)
  select distinct s.face_id, e.id
  from (
    select f.id
    from watchpost.person_photo as p
    join watchpost.face as f on f.image_id = p.image_id and f.ordinal = coalesce(p.chosen_face, 1) and f.superseded_at is null
    where p.person_id = e.subject_id and p.removed_at is null
    union
    select v.face_id
    from watchpost.reference as r
    join watchpost.embedding as v on v.id = r.embedding_id
    join watchpost.person_photo as p on p.id = r.person_photo_id and p.removed_at is null
    where r.person_id = e.subject_id
  ) as own
  cross join lateral watchpost.same_faces(own.id) as s (face_id)
  on conflict do nothing;
end;
$$;

comment on function watchpost.note_enrolled_faces is 'Part of erase_of_person: notes the faces that enrol the person.';


-- A photo with nobody else in it goes with its face. Of one that others are in too the file is dropped, and their faces stay.
create or replace function watchpost.erase_faces(e watchpost.erasure, most integer) returns integer
language plpgsql
as $$
declare
  faces uuid[] := array(
    select f.face_id from watchpost.erasure_face as f where f.erasure_id = e.id order by f.face_id limit most
  );
  images uuid[];
  alone uuid[];
begin
  if faces = '{}' then
    return 0;
  end if;
  images := array(select distinct f.image_id from watchpost.face as f where f.id = any (faces));
  perform watchpost.lock_images(images);
  perform watchpost.erase_still_frames(images);
  perform watchpost.supersede_matches(
    array(select m.id from watchpost.match as m where m.face_id = any (faces) and m.superseded_at is null), 'erased'
  );
  delete from watchpost.face as f where f.id = any (faces);
  perform watchpost.leave_tracks_now();
  alone := array(
    select i.id
    from unnest(images) as i (id)
    where not exists (select from watchpost.face as f where f.image_id = i.id)
  );
  perform watchpost.drop_work('{}', alone);
  delete from watchpost.image as i where i.id = any (alone);
  perform watchpost.drop_photos(images);
  return cardinality(faces);
end;
$$;

comment on function watchpost.erase_faces is 'Part of erase_of_person: deletes the faces of erasure_face, with the photos that have no other face; the file of the others is dropped.';


-- They show the same, and have no faces of their own by which they would be found.
create or replace function watchpost.erase_still_frames(images uuid[]) returns void
language plpgsql
as $$
declare
  still constant uuid[] := watchpost.still_frames_of(images);
begin
  if still <> '{}' then
    perform watchpost.drop_work('{}', still);
    delete from watchpost.image as i where i.id = any (still);
  end if;
end;
$$;

comment on function watchpost.erase_still_frames(uuid[]) is 'Part of erase_photo and erase_faces: deletes the frames in which nothing had moved since these.';


create or replace function watchpost.drop_photos(images uuid[]) returns void
language plpgsql
as $$
begin
  with dropped as (
    update watchpost.image as i
    set bytes = null
    where i.id = any (images) and i.bytes is not null
    returning i.id, i.sha256
  )
  insert into watchpost.erasure_leaf (erasure_id, relation, leaf)
  select e.id, 'image.bytes', watchpost.erased_leaf(e.key, jsonb_build_object('id', d.id, 'sha256', encode(d.sha256, 'hex')))
  from dropped as d
  cross join watchpost.erasure as e
  where e.id = watchpost.current_erasure();
end;
$$;

comment on function watchpost.drop_photos(uuid[]) is 'Part of erase_faces: drops the files of photos.';


-- First the matches, so that an alert with other sightings goes on with those.
create or replace function watchpost.erase_photo(image uuid) returns integer
language plpgsql
as $$
declare
  faces integer;
begin
  perform watchpost.lock_images(array[image]);
  perform watchpost.erase_still_frames(array[image]);
  perform watchpost.supersede_matches(
    array(select m.id from watchpost.match as m where m.image_id = image and m.superseded_at is null), 'erased'
  );
  delete from watchpost.face as f where f.image_id = image;
  get diagnostics faces = row_count;
  perform watchpost.leave_tracks_now();
  perform watchpost.drop_work('{}', array[image]);
  delete from watchpost.image as i where i.id = image;
  return faces + case when found then 1 else 0 end;
end;
$$;

comment on function watchpost.erase_photo(uuid) is 'Part of erase_some: deletes an image with all that was found in it, also if an alert rests on it.';
