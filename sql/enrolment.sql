-- Photos of people: handing them in, the gate they pass, and taking them back.

-- handing in ----------------------------------------------------------------------------------------------------------

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
  insert into watchpost.image (purpose, bytes, submitted_by)
  values ('reference', add_person_photo.bytes, coalesce(add_person_photo.submitted_by, session_user))
  returning id into new_image_id;

  return query
  insert into watchpost.person_photo as p (person_id, image_id, chosen_face, accept)
  values (person, new_image_id, add_person_photo.chosen_face, coalesce(add_person_photo.accept, '{}'))
  returning p.id, p.image_id;
end;
$$;

comment on function watchpost.add_person_photo is 'Hands in a photo to enrol a person. chosen_face counts from 1, left to right, and is needed where the photo has several faces; accept names codes of the gate that are let pass.';


create or replace function watchpost.assert_person(person uuid) returns void
language plpgsql stable
as $$
begin
  if not exists (select from watchpost.person as p where p.id = person) then
    raise exception 'There is no person %.', person using errcode = 'WP004';
  end if;
end;
$$;

comment on function watchpost.assert_person(uuid) is 'An unknown person is an error (WP004).';


-- The face was found and embedded when its photo came in; nothing is looked at again.
create or replace function watchpost.enrol_face(person uuid, face uuid, accept text[] default '{}') returns uuid
language plpgsql
as $$
declare
  known record;
  taken record;
  made uuid;
begin
  perform watchpost.assert_person(person);
  select f.image_id, f.ordinal into known
  from watchpost.face as f
  where f.id = face and f.superseded_at is null;
  if not found then
    raise exception 'There is no face %, or a replay has put another in its place.', face
      using errcode = 'WP037', hint = 'select id from watchpost.face where superseded_at is null lists those there are.';
  end if;

  -- Two calls for one face take turns, so that the second finds what the first has made.
  perform pg_advisory_xact_lock(hashtextextended('watchpost.enrol_face ' || face, 0));
  select p.id, p.person_id, e.name into taken
  from watchpost.person_photo as p
  join watchpost.person as e on e.id = p.person_id
  where p.image_id = known.image_id and coalesce(p.chosen_face, 1) = known.ordinal and p.removed_at is null;
  if found then
    if taken.person_id = person then
      return taken.id;
    end if;
    raise exception 'This face is a photo of % already.', quote_literal(taken.name)
      using errcode = 'WP035', hint = format('Take it back first: select watchpost.remove_photo(%L, ''not them'').', taken.id);
  end if;

  insert into watchpost.person_photo (person_id, image_id, chosen_face, accept)
  values (person, known.image_id, known.ordinal, coalesce(enrol_face.accept, '{}'))
  returning id into made;
  return made;
end;
$$;

comment on function watchpost.enrol_face is 'Makes a face that is stored already, of any photo, a photo of a person, and returns its person_photo; the same call twice gives the same. A face of somebody else is an error (WP035).';


-- A photo that nobody has looked at yet is to be detected. Where its faces are known, the chosen one goes to the gate at
-- once; a photo of which two people are enrolled is thus looked at once.
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
    jsonb_build_object('image_id', p.image_id, 'person_photo_id', p.id), s.tasks
  from new_rows as p
  cross join (select watchpost.subscribers('photo.added') as tasks) as s
  where not exists (select from watchpost.face as f where f.image_id = p.image_id and f.superseded_at is null);

  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'photo.embedded', e.id, p.image_id,
    jsonb_build_object('image_id', p.image_id, 'person_photo_id', p.id, 'face_id', f.id, 'embedding_id', e.id), s.tasks
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

-- the gate ------------------------------------------------------------------------------------------------------------

-- The nearest photo of the same person, and the nearest other person. Every reference of the model is compared, 1.1 to
-- 2.1 ms a thousand: an index that leaves one out would enrol somebody twice.
create or replace function watchpost.assert_like_nobody_else(photo uuid, embedding uuid, unlike real, alike real) returns void
language plpgsql
as $$
declare
  face record;
  own real;
  other record;
begin
  select p.person_id, p.accept, e.name, v.model_id, v.vector into strict face
  from watchpost.person_photo as p
  join watchpost.person as e on e.id = p.person_id
  cross join watchpost.embedding as v
  where p.id = photo and v.id = embedding;

  select max(1 - (r.vector <=> face.vector)) into own
  from watchpost.reference as r
  where r.person_id = face.person_id
    and r.model_id = face.model_id
    and r.person_photo_id <> photo
    and r.superseded_at is null;

  select r.person_id, e.name, (1 - (r.vector <=> face.vector))::real as similarity into other
  from watchpost.reference as r
  join watchpost.person as e on e.id = r.person_id
  where r.model_id = face.model_id
    and r.person_id <> face.person_id
    and r.superseded_at is null
    and not (r.person_id = any (watchpost.told_apart(face.person_id)))
  order by r.vector <=> face.vector
  limit 1;

  if other.similarity >= alike and other.similarity > coalesce(own, -1) and not 'face_of_another' = any (face.accept) then
    raise exception 'The face looks like %, who is enrolled already: similarity %, and from % on two people are taken for one.',
      quote_literal(other.name), round(other.similarity::numeric, 3), alike
      using errcode = 'WP034', detail = other.person_id::text,
            hint = 'If they are two people, accept face_of_another for this photo; if they are one, add the photo to that person.';
  end if;
  if own < unlike and not 'face_unlike' = any (face.accept) then
    raise exception 'The face is unlike every other photo of %: the best similarity is %, and at least % is expected.',
      quote_literal(face.name), round(own::numeric, 3), unlike
      using errcode = 'WP033', hint = 'If it is the same person all the same, accept face_unlike for this photo.';
  end if;
end;
$$;

comment on function watchpost.assert_like_nobody_else is 'Refuses a face that is unlike the person''s other photos (WP033), or looks like another enrolled person, and more so than like those photos (WP034), unless person_photo.accept or a cannot_link says that it may.';


create or replace function watchpost.told_apart(person uuid) returns uuid[]
language plpgsql stable
as $$
begin
  if to_regclass('watchpost.cannot_link') is null then
    return '{}';
  end if;
  return array(
    select case when c.person_id = person then c.other_person_id else c.person_id end
    from watchpost.cannot_link as c
    where c.other_person_id is not null and person in (c.person_id, c.other_person_id)
  );
end;
$$;

comment on function watchpost.told_apart(uuid) is 'The people of whom somebody has said that they are not this one, twins for example.';


-- One enrolment at a time, all over the database: two workers that enrol one face under two names would not see each
-- other's reference. Detecting and embedding, which is nearly all of the work, is done before.
create or replace function watchpost.enrol_reference(photo uuid, embedding uuid, unlike real, alike real) returns uuid
language plpgsql
as $$
declare
  made uuid;
  taken_back boolean;
begin
  perform pg_advisory_xact_lock(hashtext('watchpost.enrolment'));
  -- Locked, so that it is not taken back while its reference is written.
  select p.removed_at is not null into taken_back from watchpost.person_photo as p where p.id = photo for share;
  if coalesce(taken_back, true) then
    raise exception 'This photo was taken back before it was enrolled.' using errcode = 'WP039';
  end if;

  select r.id into made
  from watchpost.reference as r
  join watchpost.embedding as v on v.id = enrol_reference.embedding and v.model_id = r.model_id
  where r.person_photo_id = photo and r.superseded_at is null;
  if found then
    return made;
  end if;

  perform watchpost.assert_like_nobody_else(photo, embedding, unlike, alike);
  insert into watchpost.reference as r (person_id, person_photo_id, embedding_id, model_id, vector)
  select p.person_id, p.id, v.id, v.model_id, v.vector
  from watchpost.person_photo as p
  cross join watchpost.embedding as v
  where p.id = photo and v.id = enrol_reference.embedding
  returning r.id into made;
  return made;
end;
$$;

comment on function watchpost.enrol_reference is 'Makes an embedding the reference of a person''s photo, after a last look at who is enrolled; see assert_like_nobody_else.';


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

-- taking back ---------------------------------------------------------------------------------------------------------

create or replace function watchpost.find_photo(person_photo uuid) returns watchpost.person_photo
language plpgsql
as $$
declare
  photo watchpost.person_photo;
begin
  select p.* into photo from watchpost.person_photo as p where p.id = find_photo.person_photo for update;
  if not found then
    raise exception 'There is no photo % of a person.', person_photo using errcode = 'WP038';
  end if;
  return photo;
end;
$$;

comment on function watchpost.find_photo(uuid) is 'A photo of a person, locked; an unknown one is an error (WP038).';


-- The event tells which references are gone, so that the faces that have lost their match are searched again.
create or replace function watchpost.withdraw_references(
  photo watchpost.person_photo, reference_ids uuid[], change text, reason text
) returns void
language plpgsql
as $$
declare
  withdrawn uuid[] := array(
    select m.id
    from watchpost.match as m
    where m.reference_id = any (withdraw_references.reference_ids) and m.superseded_at is null
    order by m.id
  );
begin
  if to_regprocedure('watchpost.supersede_matches(uuid[], text)') is not null then
    execute 'select watchpost.supersede_matches($1, $2)' using withdrawn, 'photo_removed';
  else
    perform watchpost.supersede_matches(withdrawn);
  end if;
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  values (
    'photo.removed', photo.id, photo.image_id,
    jsonb_build_object(
      'image_id', photo.image_id,
      'person_photo_id', photo.id,
      'person_id', photo.person_id,
      'reference_ids', to_jsonb(withdraw_references.reference_ids),
      'matches', to_jsonb(withdrawn),
      'change', change,
      'reason', reason,
      'by', watchpost.actor()
    ),
    watchpost.subscribers('photo.removed')
  );
end;
$$;

comment on function watchpost.withdraw_references is 'Withdraws the matches that rested on references of a photo, and writes photo.removed.';


create or replace function watchpost.supersede_references(person_photo uuid) returns uuid[]
language plpgsql
as $$
declare
  superseded uuid[];
begin
  with gone as (
    update watchpost.reference as r
    set superseded_at = now()
    where r.person_photo_id = person_photo and r.superseded_at is null
    returning r.id
  )
  select coalesce(array_agg(g.id order by g.id), '{}') into superseded from gone as g;
  return superseded;
end;
$$;

comment on function watchpost.supersede_references(uuid) is 'Marks the references of a photo of a person, and returns them.';


create or replace function watchpost.remove_photo(person_photo uuid, reason text) returns boolean
language plpgsql
as $$
declare
  photo watchpost.person_photo := watchpost.find_photo(remove_photo.person_photo);
begin
  if photo.removed_at is not null then
    return false;
  end if;
  update watchpost.person_photo as p
  set removed_at = now(), removed_by = watchpost.actor(), removal_reason = remove_photo.reason
  where p.id = photo.id;
  perform watchpost.withdraw_references(photo, watchpost.supersede_references(photo.id), 'removed', remove_photo.reason);
  return true;
end;
$$;

comment on function watchpost.remove_photo is 'Takes a photo of a person back, with its references and the matches that rested on them; all is kept, marked, and on record. False if it was taken back before.';


create or replace function watchpost.correct_photo(
  person_photo uuid, chosen_face smallint, reason text default 'another face was meant'
) returns uuid
language plpgsql
as $$
declare
  photo watchpost.person_photo := watchpost.find_photo(correct_photo.person_photo);
  made uuid;
begin
  if photo.removed_at is not null then
    raise exception 'This photo was taken back % by %.', photo.removed_at, photo.removed_by using errcode = 'WP039';
  end if;
  if photo.chosen_face = correct_photo.chosen_face then
    return photo.id;
  end if;
  perform watchpost.remove_photo(photo.id, correct_photo.reason);
  insert into watchpost.person_photo (person_id, image_id, chosen_face, accept)
  values (photo.person_id, photo.image_id, correct_photo.chosen_face, photo.accept)
  returning id into made;
  return made;
exception
  when unique_violation then
    raise exception 'Face % of this photo is somebody''s photo already.', correct_photo.chosen_face using errcode = 'WP035';
end;
$$;

comment on function watchpost.correct_photo is 'Takes a photo back and enrols another face of it instead, counted from 1, left to right; returns the new person_photo.';


create or replace function watchpost.accept_photo(person_photo uuid, accept text[]) returns boolean
language plpgsql
as $$
declare
  photo watchpost.person_photo := watchpost.find_photo(accept_photo.person_photo);
begin
  if photo.removed_at is not null then
    raise exception 'This photo was taken back % by %.', photo.removed_at, photo.removed_by using errcode = 'WP039';
  end if;
  update watchpost.person_photo as p
  set accept = array(select distinct code from unnest(p.accept || accept_photo.accept) as code order by code)
  where p.id = photo.id;
  return coalesce(
    (
      select bool_or(watchpost.replay(d.id))
      from watchpost.dead_letter as d
      where d.task = 'enrol' and d.image_id = photo.image_id and d.payload ->> 'person_photo_id' = photo.id::text
    ),
    false
  );
end;
$$;

comment on function watchpost.accept_photo is 'Lets a photo pass the gate although these codes spoke against it, and puts it back to work if it was refused; true if it was.';


-- Deleting rows by hand withdraws the same. Before the row goes: the keys that point at it are emptied right after, and
-- then nobody knows any more which matches rested on it.
create or replace function watchpost.withdraw_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_table_name = 'person_photo' then
    if old.removed_at is null then
      perform watchpost.withdraw_references(old, watchpost.supersede_references(old.id), 'deleted', null);
    end if;
  elsif old.superseded_at is null then
    perform watchpost.withdraw_references(p, array[old.id], 'deleted', null)
    from watchpost.person_photo as p
    where p.id = old.person_photo_id;
  end if;
  return old;
end;
$$;

comment on function watchpost.withdraw_deleted() is 'Withdraws what rested on a photo or a reference that is being deleted, on record.';

create or replace trigger person_photo_withdraw before delete on watchpost.person_photo
for each row execute function watchpost.withdraw_deleted();

create or replace trigger reference_withdraw before delete on watchpost.reference
for each row execute function watchpost.withdraw_deleted();

-- how it went ---------------------------------------------------------------------------------------------------------

-- A function, so that a session plans it once; see image_tasks.
create or replace function watchpost.photo_tasks(photo uuid) returns table (
  event_id uuid, topic text, task text, outcome text, code text, error text
)
language plpgsql stable rows 5 set jit = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select t.event_id, t.topic, t.task, t.outcome, t.code, t.error
  from watchpost.person_photo as p
  join watchpost.image as i on i.id = p.image_id
  join watchpost.event_task as t on t.image_id = p.image_id
  where p.id = photo
    and (
      (t.topic in ('photo.added', 'photo.embedded') and t.payload ->> 'person_photo_id' = photo::text)
      or (t.topic = 'face.detected' and i.purpose = 'reference')
    );
end;
$$;

comment on function watchpost.photo_tasks(uuid) is 'event_task for one photo of a person, as far as it is about enrolling it.';


create or replace view watchpost.photo_status as
select
  p.id as person_photo_id,
  p.person_id,
  e.name as person,
  case
    when p.removed_at is not null then 'removed'
    when r.id is not null then 'enrolled'
    when t.code is not null then 'refused'
    when t.begun then 'processing'
    else 'received'
  end as state,
  case when p.removed_at is null and r.id is null then t.code end as code,
  case
    when p.removed_at is not null then p.removal_reason
    when r.id is null then t.error
  end as message,
  p.image_id,
  p.chosen_face,
  f.id as face_id,
  r.id as reference_id,
  r.model_id,
  r.created_at as enrolled_at,
  f.height_px,
  f.sharpness,
  f.yaw,
  f.pitch,
  f.roll,
  f.score,
  v.norm,
  f.gate,
  p.accept,
  p.created_at,
  p.removed_at,
  p.removed_by
from watchpost.person_photo as p
join watchpost.person as e on e.id = p.person_id
left join lateral (
  select r.*
  from watchpost.reference as r
  where r.person_photo_id = p.id and r.superseded_at is null
  order by r.id desc
  limit 1
) as r on true
left join lateral (
  select f.*
  from watchpost.face as f
  where f.image_id = p.image_id and f.ordinal = coalesce(p.chosen_face, 1) and f.superseded_at is null
) as f on true
left join lateral (
  select v.norm
  from watchpost.embedding as v
  where v.face_id = f.id and v.superseded_at is null
  order by v.id desc
  limit 1
) as v on true
cross join lateral (
  select
    (array_agg(t.code order by t.event_id) filter (where t.outcome = 'failed'))[1] as code,
    (array_agg(t.error order by t.event_id) filter (where t.outcome = 'failed'))[1] as error,
    count(t.outcome) > 0 as begun
  from watchpost.photo_tasks(p.id) as t
) as t;

comment on view   watchpost.photo_status         is 'What became of each photo of a person, with how good a view of the face it is.';
comment on column watchpost.photo_status.state   is 'received; processing; enrolled; refused: see code and message; removed.';
comment on column watchpost.photo_status.code    is 'Why it was refused: a stable code.';
comment on column watchpost.photo_status.message is 'The same in a sentence; of a photo that was taken back, the reason that was given.';


-- Sure of itself, then sharp, then large: the photo that an operator would pick to show somebody.
create or replace view watchpost.best_photo as
select distinct on (s.person_id)
  s.person_id, s.person, s.person_photo_id, s.reference_id, s.face_id, s.image_id, s.norm, s.sharpness, s.height_px
from watchpost.photo_status as s
where s.state = 'enrolled'
order by s.person_id, s.norm desc, s.sharpness desc, s.height_px desc, s.person_photo_id;

comment on view watchpost.best_photo is 'Of each person the enrolled photo with the best view of the face: the greatest embedding norm.';

-- forgetting ----------------------------------------------------------------------------------------------------------

create or replace function watchpost.forget_person(person uuid) returns integer
language plpgsql
as $$
declare
  dropped integer;
begin
  perform watchpost.assert_person(person);
  delete from watchpost.image as i
  where i.purpose = 'reference'
    and exists (select from watchpost.person_photo as p where p.image_id = i.id and p.person_id = person)
    and not exists (select from watchpost.person_photo as p where p.image_id = i.id and p.person_id <> person);
  get diagnostics dropped = row_count;
  delete from watchpost.person as p where p.id = person;
  return dropped;
end;
$$;

comment on function watchpost.forget_person(uuid) is 'Deletes a person with the photos handed in for them alone, what they are recognised by, and every match and alert; returns how many photos. The record keeps that it happened, and the events before.';
