-- Enrolling: a face of a photo becomes a reference of a person, if it passes the gate.
--
-- consumes photo.embedded · writes reference · emits person.enrolled, which backfill consumes

-- Compares with every reference of the model, 0.9 ms a thousand: an index that misses one would let somebody be
-- enrolled twice.
create or replace function watchpost.assert_like_nobody_else(photo uuid, embedding uuid, unlike real, alike real) returns uuid
language plpgsql
as $$
declare
  face record;
  own real;
  other record;
  -- Asked once: in the condition below it would be called for every reference.
  apart uuid[];
  several_sites constant boolean := (select count(*) > 1 from watchpost.site as s);
begin
  select p.person_id, p.accept, e.name, e.site_id, v.model_id, v.vector into face
  from watchpost.person_photo as p
  join watchpost.person as e on e.id = p.person_id
  cross join watchpost.embedding as v
  where p.id = photo and v.id = embedding;
  if not found then
    raise exception 'The photo of the person, or its face, was deleted before it was enrolled.' using errcode = 'WP009';
  end if;

  select max(1 - (r.vector <=> face.vector)) into own
  from watchpost.reference as r
  where r.person_id = face.person_id
    and r.model_id = face.model_id
    and r.person_photo_id <> photo
    and r.superseded_at is null;

  apart := watchpost.people_apart(face.person_id) || face.person_id;
  select r.person_id, (1 - (r.vector <=> face.vector))::real as similarity into other
  from watchpost.reference as r
  where r.model_id = face.model_id
    and r.superseded_at is null
    and r.person_id <> all (apart)
    -- Another site's people are enrolled there, and the refusal would name them.
    and (
      not several_sites
      or exists (select from watchpost.person as p where p.id = r.person_id and p.site_id = face.site_id)
    )
  order by r.vector <=> face.vector
  limit 1;

  if other.similarity >= alike and other.similarity > coalesce(own, -1) and not 'face_of_another' = any (face.accept) then
    raise exception 'The face looks like % (%), who is enrolled already: similarity %, and from % on two people are taken for one.',
      quote_literal((select e.name from watchpost.person as e where e.id = other.person_id)), other.person_id, round(other.similarity::numeric, 3), alike
      using errcode = 'WP034', detail = other.person_id::text,
            hint = 'If they are one person, merge the two, or add the photo to the one who is enrolled; if they are two, accept face_of_another for this photo.';
  end if;
  if own < unlike and not 'face_unlike' = any (face.accept) then
    raise exception 'The face is unlike every other photo of %: the best similarity is %, and at least % is expected.',
      quote_literal(face.name), round(own::numeric, 3), unlike
      using errcode = 'WP033', hint = 'If it is the same person all the same, accept face_unlike for this photo.';
  end if;
  return case when other.similarity >= alike and not 'face_of_another' = any (face.accept) then other.person_id end;
end;
$$;

comment on function watchpost.assert_like_nobody_else is 'Refuses a face that is unlike the person''s other photos (WP033), or looks like another enrolled person, and more so than like those photos (WP034), unless person_photo.accept or a cannot_link says that it may. Returns somebody else whom it looks like, but less than it looks like those photos; null: nobody. A photo or a face that was deleted is an error (WP009).';


create or replace function watchpost.people_apart(person uuid) returns uuid[]
language sql stable
return array(
  select case when c.person_id = person then c.other_person_id else c.person_id end
  from watchpost.cannot_link as c
  where c.other_person_id is not null and person in (c.person_id, c.other_person_id)
);

comment on function watchpost.people_apart(uuid) is 'The people who are known not to be this one, by a cannot_link: twins, for example.';


-- One enrolment at a time in the whole database: two workers that enrol one face under two names would not see each
-- other's reference. Detecting and embedding, which is nearly all of the work, is done before.
create or replace function watchpost.enrol_reference(photo uuid, embedding uuid, unlike real, alike real) returns uuid
language plpgsql
as $$
declare
  made uuid;
  is_removed boolean;
  other uuid;
begin
  perform pg_advisory_xact_lock(hashtext('watchpost.enrolment'));
  -- Locked, so that it is not removed while its reference is written.
  select p.removed_at is not null into is_removed from watchpost.person_photo as p where p.id = photo for share;
  if is_removed then
    raise exception 'This photo was taken back before it was enrolled.' using errcode = 'WP039';
  end if;

  select r.id into made
  from watchpost.reference as r
  join watchpost.embedding as v on v.id = enrol_reference.embedding and v.model_id = r.model_id
  where r.person_photo_id = photo and r.superseded_at is null;
  if found then
    return made;
  end if;

  other := watchpost.assert_like_nobody_else(photo, embedding, unlike, alike);
  insert into watchpost.reference as r (person_id, person_photo_id, embedding_id, model_id, vector, looks_like)
  select p.person_id, p.id, v.id, v.model_id, v.vector, other
  from watchpost.person_photo as p
  cross join watchpost.embedding as v
  where p.id = photo and v.id = enrol_reference.embedding
  returning r.id into made;
  return made;
end;
$$;

comment on function watchpost.enrol_reference is 'Makes an embedding the reference of a person''s photo, if assert_like_nobody_else lets it pass.';


-- One after the other, in the order of the events: of two photos of one person the second is compared with the first.
create or replace function watchpost.write_references(
  passed uuid[], events uuid[], photos uuid[], embeddings uuid[], unlike real, alike real
) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  chosen record;
  written integer := 0;
begin
  for chosen in
    select c.photo_id, c.embedding_id
    from unnest(events, photos, embeddings) with ordinality as c (event_id, photo_id, embedding_id, place)
    where c.event_id = any (passed)
    order by c.place
  loop
    perform watchpost.enrol_reference(chosen.photo_id, chosen.embedding_id, unlike, alike);
    written := written + 1;
  end loop;
  return written;
end;
$$;

comment on function watchpost.write_references is 'enrol: makes each embedding the reference of its photo; one that enrol_reference refuses fails them all.';


create or replace function watchpost.emit_person_enrolled() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'person.enrolled', r.id, p.image_id,
    jsonb_build_object(
      'image_id', p.image_id,
      'reference_id', r.id,
      'person_id', r.person_id,
      'person_photo_id', r.person_photo_id,
      'model_id', r.model_id
    ),
    s.tasks
  from new_rows as r
  join watchpost.person_photo as p on p.id = r.person_photo_id
  cross join (select watchpost.subscribers('person.enrolled') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_person_enrolled() is 'One person.enrolled for each new reference.';

create or replace trigger reference_emit after insert on watchpost.reference
referencing new table as new_rows
for each statement execute function watchpost.emit_person_enrolled();
