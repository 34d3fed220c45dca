-- What alerts rest on is evidence: a photo is kept as long as an alert rests on it. An alert is deleted with its matches,
-- and an alert that loses a match otherwise is counted again.

create or replace function watchpost.keep_evidence() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  rests_on_it uuid;
begin
  select am.alert_id into rests_on_it
  from watchpost.match as m
  join watchpost.alert_match as am on am.match_id = m.id
  where m.image_id = old.id
  limit 1;
  if found then
    raise exception 'The photo % is evidence: the alert % rests on it.', old.id, rests_on_it
      using errcode = 'WP023',
            hint = 'It can be deleted once the alert is, which goes with its person or its list. To free the space now, drop the bytes of the photo: its faces and its hash stay.';
  end if;
  return old;
end;
$$;

comment on function watchpost.keep_evidence() is 'Refuses to delete a photo that an alert rests on (WP023).';

create or replace trigger image_keep_evidence before delete on watchpost.image
for each row execute function watchpost.keep_evidence();


-- In a cascade the person or the list is gone already, and the alert is about to go. A statement at a time, as each that
-- deletes matches is an event.
create or replace function watchpost.forget_alert_match() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  orphans constant uuid[] := array(
    select o.match_id from old_rows as o where not exists (select from watchpost.alert as a where a.id = o.alert_id)
  );
  lessened constant uuid[] := array(
    select distinct a.id
    from old_rows as o
    join watchpost.alert as a on a.id = o.alert_id
    join watchpost.person as p on p.id = a.person_id
    join watchpost.watchlist as w on w.id = a.watchlist_id
  );
begin
  if orphans <> '{}' then
    delete from watchpost.match as m where m.id = any (orphans);
  end if;
  if lessened <> '{}' then
    perform watchpost.recount_alerts(lessened);
  end if;
  return null;
end;
$$;

comment on function watchpost.forget_alert_match() is 'Deletes the matches of an alert that is deleted, which would otherwise have to raise it again; counts an alert again that has lost a match.';

create or replace trigger alert_match_forget after delete on watchpost.alert_match
referencing old table as old_rows
for each statement execute function watchpost.forget_alert_match();
