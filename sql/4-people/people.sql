-- People: the event for each change, and forgetting a person.
--
-- emits person.changed

create or replace function watchpost.emit_person_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'person.changed', n.id,
      jsonb_build_object('person_id', n.id, 'change', 'created', 'by', watchpost.actor())
        || jsonb_build_object('old', '{}'::jsonb, 'new', to_jsonb(n)),
      s.tasks
    from new_rows as n
    cross join (select watchpost.subscribers('person.changed') as tasks) as s;
  elsif tg_op = 'DELETE' then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'person.changed', o.id,
      jsonb_build_object('person_id', o.id, 'change', 'deleted', 'by', watchpost.actor())
        || jsonb_build_object('old', to_jsonb(o), 'new', '{}'::jsonb),
      s.tasks
    from old_rows as o
    cross join (select watchpost.subscribers('person.changed') as tasks) as s;
  else
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'person.changed', n.id,
      jsonb_build_object('person_id', n.id, 'change', 'updated', 'by', watchpost.actor())
        || watchpost.changed_columns(to_jsonb(o), to_jsonb(n)),
      s.tasks
    from old_rows as o
    join new_rows as n using (id)
    cross join (select watchpost.subscribers('person.changed') as tasks) as s
    where to_jsonb(o) <> to_jsonb(n);
  end if;
  return null;
end;
$$;

comment on function watchpost.emit_person_changed() is 'One person.changed for each person who was created, changed or deleted.';

create or replace trigger person_emit_insert after insert on watchpost.person
referencing new table as new_rows
for each statement execute function watchpost.emit_person_changed();

create or replace trigger person_emit_update after update on watchpost.person
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_person_changed();

create or replace trigger person_emit_delete after delete on watchpost.person
referencing old table as old_rows
for each statement execute function watchpost.emit_person_changed();


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

comment on function watchpost.forget_person(uuid) is 'Deletes a person, with whom was merged into them, the photos submitted for them alone, their references, and every match and alert; returns how many photos. The record keeps the events, also that of the deletion. In one transaction: for somebody with many sightings call clear_person() first.';
