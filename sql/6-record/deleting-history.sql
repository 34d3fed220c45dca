-- Deleting what a list or a person leads to, as deleting.sql says: entries of lists, alerts, matches, photos.

create or replace function watchpost.count_history(
  person uuid default null, watchlist uuid default null
) returns table (entries bigint, alerts bigint, matches bigint, photos bigint)
language plpgsql stable
as $$
begin
  return query
  select
    (
      select count(*) from watchpost.watchlist_entry as e
      where e.person_id = count_history.person or e.watchlist_id = count_history.watchlist
    ),
    (
      select count(*) from watchpost.alert as a
      where a.person_id = count_history.person or a.watchlist_id = count_history.watchlist
    ),
    (
      select count(*) from watchpost.match as m
      where m.person_id = count_history.person or m.watchlist_id = count_history.watchlist
    ),
    (select count(*) from watchpost.own_photos(count_history.person));
end;
$$;

comment on function watchpost.count_history is 'What is deleted with a person or a list: entries of lists, alerts, matches, and the photos that were submitted to enrol the person.';


-- An alert is deleted with its matches (evidence.sql).
create or replace function watchpost.delete_sightings(
  most integer, person uuid default null, watchlist uuid default null
) returns integer
language plpgsql
as $$
declare
  chosen uuid[];
begin
  chosen := array(
    select a.id
    from watchpost.alert as a
    where a.person_id = delete_sightings.person or a.watchlist_id = delete_sightings.watchlist
    limit most
    for update skip locked
  );
  if chosen <> '{}' then
    delete from watchpost.alert as a where a.id = any (chosen);
    return cardinality(chosen);
  end if;
  chosen := array(
    select m.id
    from watchpost.match as m
    where (m.person_id = delete_sightings.person or m.watchlist_id = delete_sightings.watchlist)
      and not exists (select from watchpost.alert_match as am where am.match_id = m.id)
    limit most
    for update skip locked
  );
  delete from watchpost.match as m where m.id = any (chosen);
  return cardinality(chosen);
end;
$$;

comment on function watchpost.delete_sightings is 'Deletes at most so many alerts of a person or a list with their matches, or if there are none, matches that are in no alert; returns how many.';


create or replace function watchpost.delete_entries(
  most integer, person uuid default null, watchlist uuid default null
) returns integer
language plpgsql
as $$
declare
  deleted integer;
begin
  delete from watchpost.watchlist_entry as e
  using (
    select o.watchlist_id, o.person_id
    from watchpost.watchlist_entry as o
    where o.person_id = delete_entries.person or o.watchlist_id = delete_entries.watchlist
    limit most
  ) as o
  where e.watchlist_id = o.watchlist_id and e.person_id = o.person_id;
  get diagnostics deleted = row_count;
  return deleted;
end;
$$;

comment on function watchpost.delete_entries is 'Deletes at most so many entries of a list, or of a person in any list; returns how many.';


create or replace function watchpost.clear_watchlist(watchlist uuid, most integer default 100) returns integer
language plpgsql
as $$
declare
  deleted integer;
begin
  -- So that no new matches come.
  update watchpost.watchlist as w set enabled = false where w.id = clear_watchlist.watchlist and w.enabled;
  deleted := watchpost.delete_entries(most, watchlist => clear_watchlist.watchlist);
  if deleted = 0 then
    deleted := watchpost.delete_sightings(most, watchlist => clear_watchlist.watchlist);
  end if;
  return deleted;
end;
$$;

comment on function watchpost.clear_watchlist is 'Disables a list, and deletes at most so many of its entries, alerts and matches; returns how many. At 0 the list can be deleted at once.';


create or replace function watchpost.clear_person(person uuid, most integer default 100) returns integer
language plpgsql
as $$
declare
  deleted integer;
begin
  perform watchpost.assert_person(person);
  deleted := watchpost.delete_entries(most, person => clear_person.person);
  if deleted = 0 then
    deleted := watchpost.delete_sightings(most, person => clear_person.person);
  end if;
  -- After the matches, which each photo would withdraw one by one.
  if deleted = 0 then
    delete from watchpost.image as i
    where i.id in (select p.id from watchpost.own_photos(clear_person.person) as p (id) limit most);
    get diagnostics deleted = row_count;
  end if;
  return deleted;
end;
$$;

comment on function watchpost.clear_person is 'Takes a person off every list, and deletes at most so many of their alerts, matches and photos; returns how many. At 0 forget_person() deletes them at once.';
