-- People: the event for each change, and forgetting a person.
--
-- emits person.changed

-- The old and new values are what the event says about the person: see sql/2-broker/event-content.sql.
create or replace function watchpost.record_person_changes(change text, were jsonb[], become jsonb[]) returns void
language plpgsql
as $$
begin
  perform watchpost.emit_personal('person.changed', array(
    select
      jsonb_build_object(
        'subject_id', p.id,
        'person_id', p.id,
        'payload', jsonb_build_object('person_id', p.id, 'change', change, 'by', watchpost.actor()),
        'content', watchpost.changed_columns(r.was, r.becomes)
      )
    from unnest(were, become) as r (was, becomes)
    cross join lateral (select coalesce(r.becomes, r.was) -> 'id' as id) as p
    where r.was is distinct from r.becomes
  ));
end;
$$;

comment on function watchpost.record_person_changes is 'One person.changed for each person who was created, changed or deleted.';

create or replace trigger person_emit_insert after insert on watchpost.person
referencing new table as new_rows
for each statement execute function watchpost.emit_changed('record_person_changes');

create or replace trigger person_emit_update after update on watchpost.person
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_changed('record_person_changes');

create or replace trigger person_emit_delete after delete on watchpost.person
referencing old table as old_rows
for each statement execute function watchpost.emit_changed('record_person_changes');


create or replace function watchpost.own_photos(person uuid) returns setof uuid
language plpgsql stable rows 10
as $$
begin
  return query
  select i.id
  from watchpost.image as i
  where i.purpose = 'reference'
    and exists (
      select from watchpost.person_photo as p where p.image_id = i.id and p.person_id = own_photos.person
    )
    and not exists (
      select from watchpost.person_photo as p where p.image_id = i.id and p.person_id <> own_photos.person
    );
end;
$$;

comment on function watchpost.own_photos(uuid) is 'The photos that were submitted to enrol this person and nobody else.';


create or replace function watchpost.forget_person(person uuid) returns integer
language plpgsql
as $$
declare
  dropped integer;
begin
  perform watchpost.assert_person(person);
  perform watchpost.assert_unmerged(person);
  delete from watchpost.image as i where i.id in (select watchpost.own_photos(forget_person.person));
  get diagnostics dropped = row_count;
  delete from watchpost.person as p where p.id = person;
  return dropped;
end;
$$;

comment on function watchpost.forget_person(uuid) is 'Deletes a person, with whom was merged into them, the photos submitted for them alone, their references, and every match and alert; returns how many photos. The record keeps the events with what they say about the person, also that of the deletion; erase_person() removes that too. In one transaction: for somebody with many sightings call clear_person() first.';
