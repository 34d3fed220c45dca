-- Removing a photo of a person, choosing another face of it, and accepting one that the gate refused.
--
-- emits photo.removed, which backfill consumes

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


-- The event names the references, so that the faces that have lost their match are searched again.
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
  perform watchpost.emit_personal('photo.removed', array[jsonb_build_object(
    'subject_id', photo.id,
    'image_id', photo.image_id,
    'person_id', photo.person_id,
    'payload', jsonb_build_object(
      'image_id', photo.image_id,
      'person_photo_id', photo.id,
      'person_id', photo.person_id,
      'reference_ids', to_jsonb(withdraw_references.reference_ids),
      -- An event is kept for ever, so it names at most a thousand; all of them are superseded in watchpost.match.
      'matches', to_jsonb(withdrawn[1:1000]),
      'match_count', cardinality(withdrawn),
      'change', change,
      'reason', null,
      'by', watchpost.actor()
    ),
    'content', case when reason is not null then jsonb_build_object('reason', reason) end
  )]);
end;
$$;

comment on function watchpost.withdraw_references is 'Withdraws the matches that were found by references of a photo, and writes photo.removed.';


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

comment on function watchpost.supersede_references(uuid) is 'Marks the references of a photo of a person as superseded, and returns them.';


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

comment on function watchpost.remove_photo is 'Removes a photo of a person, with its references and the matches they found. The rows are kept and marked, and the removal is on record. False if it was removed before.';


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
    raise exception 'This photo was removed % by %.', photo.removed_at, photo.removed_by using errcode = 'WP039';
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
    raise exception 'Face % of this photo is already a photo of a person.', correct_photo.chosen_face using errcode = 'WP035';
end;
$$;

comment on function watchpost.correct_photo is 'Removes a photo and enrols another face of it instead, counted from 1, left to right; returns the new person_photo.';


create or replace function watchpost.accept_photo(person_photo uuid, accept text[]) returns boolean
language plpgsql
as $$
declare
  photo watchpost.person_photo := watchpost.find_photo(accept_photo.person_photo);
begin
  if photo.removed_at is not null then
    raise exception 'This photo was removed % by %.', photo.removed_at, photo.removed_by using errcode = 'WP039';
  end if;
  update watchpost.person_photo as p
  set accept = array(select distinct code from unnest(p.accept || accept_photo.accept) as code order by code)
  where p.id = photo.id;
  return coalesce(
    (
      select bool_or(watchpost.replay(g.id))
      from watchpost.given_up as g
      where g.task = 'enrol' and g.image_id = photo.image_id and g.payload ->> 'person_photo_id' = photo.id::text
    ),
    false
  );
end;
$$;

comment on function watchpost.accept_photo is 'Lets a photo pass the gate despite these codes, and replays it if it was refused; true if it was.';


-- Deleting rows directly withdraws the same matches. Before the row is deleted: right after, match.reference_id is set
-- to null, and the matches could not be found.
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

comment on function watchpost.withdraw_deleted() is 'Withdraws, on record, the matches found by a photo or a reference that is being deleted.';

create or replace trigger person_photo_withdraw before delete on watchpost.person_photo
for each row execute function watchpost.withdraw_deleted();

create or replace trigger reference_withdraw before delete on watchpost.reference
for each row execute function watchpost.withdraw_deleted();
