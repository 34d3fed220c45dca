-- Adding photos to a person: a new one, or a face that was stored before.
--
-- writes image, person_photo · emits photo.added, which detect consumes, or photo.embedded, which enrol consumes

create or replace function watchpost.add_person_photo(
  person       uuid,
  bytes        bytea,
  chosen_face  smallint default null,
  submitted_by text default null,
  accept       text[] default '{}'
) returns table (person_photo_id uuid, image_id uuid)
language plpgsql
as $$
declare
  new_image_id uuid;
begin
  perform watchpost.assert_person(person);
  insert into watchpost.image (purpose, bytes, submitted_by, site_id)
  select 'reference', add_person_photo.bytes, coalesce(add_person_photo.submitted_by, session_user), p.site_id
  from watchpost.person as p
  where p.id = person
  returning id into new_image_id;

  return query
  insert into watchpost.person_photo as p (person_id, image_id, chosen_face, accept)
  values (person, new_image_id, add_person_photo.chosen_face, coalesce(add_person_photo.accept, '{}'))
  returning p.id, p.image_id;
end;
$$;

comment on function watchpost.add_person_photo is 'Adds a photo to enrol a person. chosen_face counts from 1, left to right, and is needed if the photo has several faces; accept lists the codes of the gate to ignore.';


create or replace function watchpost.assert_person(person uuid) returns void
language plpgsql stable
as $$
begin
  if not exists (select from watchpost.person as p where p.id = person)
    or not (watchpost.sees_all() or watchpost.shows_person(watchpost.my_scope(), person))
  then
    raise exception 'There is no person %.', person using errcode = 'WP004';
  end if;
end;
$$;

comment on function watchpost.assert_person(uuid) is 'A person who is unknown, or whom whoever acts may not see, is an error (WP004).';


create or replace function watchpost.assert_own_person(person uuid) returns void
language plpgsql stable
as $$
begin
  perform watchpost.assert_person(person);
  if not (watchpost.sees_all() or watchpost.owns_person(watchpost.my_scope(), person)) then
    raise exception 'The person % is of another site, which alone may change them.', person
      using errcode = 'insufficient_privilege';
  end if;
end;
$$;

comment on function watchpost.assert_own_person(uuid) is 'A person of a site that whoever acts may not see cannot be changed by them, also if the person is on one of their lists (42501).';


create or replace function watchpost.enrol_face(person uuid, face uuid, accept text[] default '{}') returns uuid
language plpgsql
as $$
declare
  known record;
  taken record;
  made uuid;
begin
  perform watchpost.assert_person(person);
  person := watchpost.survivor(person);
  select f.image_id, f.ordinal into known
  from watchpost.face as f
  where f.id = face and f.superseded_at is null;
  if not found then
    raise exception 'There is no face %, or a replay has replaced it.', face
      using errcode = 'WP037', hint = 'select id from watchpost.face where superseded_at is null lists the current faces.';
  end if;

  -- Two calls for one face take turns, so that the second finds the row of the first.
  perform pg_advisory_xact_lock(hashtextextended('watchpost.enrol_face ' || face, 0));
  select p.id, p.person_id, e.name into taken
  from watchpost.person_photo as p
  join watchpost.person as e on e.id = p.person_id
  where p.image_id = known.image_id and coalesce(p.chosen_face, 1) = known.ordinal and p.removed_at is null;
  if found then
    if taken.person_id = person then
      return taken.id;
    end if;
    raise exception 'This face is already a photo of %.', quote_literal(taken.name)
      using errcode = 'WP035', hint = format('Remove that photo first: select watchpost.remove_photo(%L, ''not them'').', taken.id);
  end if;

  insert into watchpost.person_photo (person_id, image_id, chosen_face, accept)
  values (person, known.image_id, known.ordinal, coalesce(enrol_face.accept, '{}'))
  returning id into made;
  return made;
end;
$$;

comment on function watchpost.enrol_face is 'Enrols a stored face of any photo for a person, and returns its person_photo; a repeated call returns the same. A face that is another person''s photo is an error (WP035).';


-- A photo without known faces goes to detect. If its faces are known, the chosen one goes to the gate at once, so a
-- photo that enrols two people is detected once.
create or replace function watchpost.emit_photo_added() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  wrong record;
begin
  select p.chosen_face, n.faces, n.embeddings into wrong
  from new_rows as p
  cross join lateral (
    select
      count(*) as faces,
      count(e.id) filter (where f.ordinal = coalesce(p.chosen_face, 1)) as embeddings
    from watchpost.face as f
    left join watchpost.embedding as e on e.face_id = f.id and e.superseded_at is null
    where f.image_id = p.image_id and f.superseded_at is null
  ) as n
  join watchpost.image as i on i.id = p.image_id
  where (n.faces > 0 or i.purpose = 'probe')
    and (n.embeddings = 0 or (p.chosen_face is null and n.faces > 1))
  limit 1;
  if found and wrong.chosen_face is null and wrong.faces > 1 then
    raise exception 'This photo has % faces; say which one is meant, counted from 1, left to right.', wrong.faces
      using errcode = 'WP036';
  elsif found then
    raise exception 'This photo has no face % that is ready to be enrolled; it has % so far.', coalesce(wrong.chosen_face, 1), wrong.faces
      using errcode = 'WP037', hint = 'Faces are counted from 1, left to right. A photo that came in just now is ready when image_status says done.';
  end if;

  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'photo.added', p.id, p.image_id,
    jsonb_build_object('image_id', p.image_id, 'person_photo_id', p.id, 'person_id', p.person_id), s.tasks
  from new_rows as p
  cross join (select watchpost.subscribers('photo.added') as tasks) as s
  where not exists (select from watchpost.face as f where f.image_id = p.image_id and f.superseded_at is null);

  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'photo.embedded', e.id, p.image_id,
    jsonb_build_object(
      'image_id', p.image_id, 'person_photo_id', p.id, 'person_id', p.person_id, 'face_id', f.id, 'embedding_id', e.id
    ),
    s.tasks
  from new_rows as p
  join watchpost.face as f
    on f.image_id = p.image_id and f.ordinal = coalesce(p.chosen_face, 1) and f.superseded_at is null
  join watchpost.embedding as e on e.face_id = f.id and e.superseded_at is null
  cross join (select watchpost.subscribers('photo.embedded') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_photo_added() is 'One photo.added for each new photo of a person; for one whose faces are known, photo.embedded instead.';

create or replace trigger person_photo_emit after insert on watchpost.person_photo
referencing new table as new_rows
for each statement execute function watchpost.emit_photo_added();
