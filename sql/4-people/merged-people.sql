-- People who were merged into another: their ids lead to that person, for readers and for writers.
--
-- Who merges: sql/5-alerts/merge-persons.sql.

create or replace function watchpost.survivor(person uuid) returns uuid
language plpgsql stable strict
as $$
declare
  found_id uuid := person;
  next_id uuid;
begin
  loop
    select p.merged_into into next_id from watchpost.person as p where p.id = found_id;
    exit when next_id is null;
    found_id := next_id;
  end loop;
  return found_id;
end;
$$;

comment on function watchpost.survivor(uuid) is 'Whom an id stands for: the person whom this one was merged into, and that one into another; else the id itself, also if nobody has it.';


-- A worker that searched before a merge, and a client that still has the old id, write for the survivor. The lock is the
-- one that the foreign key takes anyway. A merge locks both people, so whatever writes a row for one of them either has
-- committed before, and the merge moves the row, or waits here and then reads merged_into.
create or replace function watchpost.write_for_survivor() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  next_id uuid;
begin
  loop
    select p.merged_into into next_id from watchpost.person as p where p.id = new.person_id for key share;
    exit when next_id is null;
    new.person_id := next_id;
  end loop;
  return new;
end;
$$;

comment on function watchpost.write_for_survivor() is 'A new row for a person who was merged becomes one for the person whom they were merged into.';

create or replace trigger person_photo_survivor before insert on watchpost.person_photo
for each row execute function watchpost.write_for_survivor();

create or replace trigger reference_survivor before insert on watchpost.reference
for each row execute function watchpost.write_for_survivor();

create or replace trigger watchlist_entry_survivor before insert on watchpost.watchlist_entry
for each row execute function watchpost.write_for_survivor();

create or replace trigger match_survivor before insert on watchpost.match
for each row execute function watchpost.write_for_survivor();

create or replace trigger alert_survivor before insert on watchpost.alert
for each row execute function watchpost.write_for_survivor();

create or replace trigger cannot_link_survivor before insert on watchpost.cannot_link
for each row execute function watchpost.write_for_survivor();

create or replace trigger backfill_survivor before insert on watchpost.backfill
for each row execute function watchpost.write_for_survivor();


create or replace function watchpost.link_survivors() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.other_person_id := watchpost.survivor(new.other_person_id);
  return new;
end;
$$;

comment on function watchpost.link_survivors() is 'The other person of a cannot_link, as write_for_survivor.';

create or replace trigger cannot_link_other_survivor before insert on watchpost.cannot_link
for each row when (new.other_person_id is not null) execute function watchpost.link_survivors();


-- What changes or deletes a person as such is not done to somebody else: a client that still has the old id may mean only
-- the person it knew.
create or replace function watchpost.assert_unmerged(person uuid) returns void
language plpgsql stable
as $$
declare
  found_person record;
begin
  select p.name, s.id as survivor_id, s.name as survivor into found_person
  from watchpost.person as p
  join watchpost.person as s on s.id = watchpost.survivor(p.id)
  where p.id = person and p.merged_into is not null;
  if found then
    raise exception '% was merged into % (%).', quote_literal(found_person.name), quote_literal(found_person.survivor), found_person.survivor_id
      using errcode = 'WP081',
            hint = format('Name the person %s, or undo the merge first: select watchpost.unmerge_persons(%L).', found_person.survivor_id, person);
  end if;
end;
$$;

comment on function watchpost.assert_unmerged(uuid) is 'A person who was merged into another is an error (WP081).';


-- Those who are recognised in a batch, locked before anything else of theirs as a merge does it, so that the two cannot
-- deadlock; and where one was merged since the search, the survivor in their place, so that the ranking sees one person.
create or replace function watchpost.with_survivors(decided jsonb) returns jsonb
language plpgsql
as $$
declare
  people uuid[] := array(
    select distinct d.person_id from watchpost.decided_searches(decided) as d where d.outcome = 'match' order by 1
  );
begin
  perform from watchpost.person as p where p.id = any (people) order by p.id for key share;
  if not exists (select from watchpost.person as p where p.id = any (people) and p.merged_into is not null) then
    return decided;
  end if;
  return (
    select jsonb_agg(d.one || jsonb_build_object('person_id', watchpost.survivor((d.one ->> 'person_id')::uuid)) order by d.place)
    from jsonb_array_elements(decided) with ordinality as d (one, place)
  );
end;
$$;

comment on function watchpost.with_survivors(jsonb) is 'Searches as decided_searches takes them, with people who were merged meanwhile replaced by whom they were merged into. Locks those who are recognised.';
