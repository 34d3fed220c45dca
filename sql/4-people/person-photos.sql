-- What becomes of the photos of a person: taken back, corrected, accepted; how it went; forgetting the person.

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
  perform watchpost.supersede_matches(withdrawn, 'photo_removed');
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  values (
    'photo.removed', photo.id, photo.image_id,
    jsonb_build_object(
      'image_id', photo.image_id,
      'person_photo_id', photo.id,
      'person_id', photo.person_id,
      'reference_ids', to_jsonb(withdraw_references.reference_ids),
      -- An event is kept for ever, so it names a thousand; watchpost.match tells of all that they are superseded.
      'matches', to_jsonb(withdrawn[1:1000]),
      'match_count', cardinality(withdrawn),
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
