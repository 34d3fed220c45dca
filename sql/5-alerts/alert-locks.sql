-- What every review of an alert begins with: who reviews, whether they see the alert, and its locks.

-- The API may act in the name of its callers. Everybody else reviews as the database user, whatever setting they make,
-- so that two reviewers are always two people.
create or replace function watchpost.reviewer() returns text
language sql stable
return case
  when has_table_privilege(session_user, 'watchpost.alert', 'insert') then watchpost.actor()
  else normalize(session_user, nfc)
end;

comment on function watchpost.reviewer() is 'In whose name a review is made: actor() for those who may raise alerts themselves, else the database user.';


create or replace function watchpost.is_alert_shown(alert uuid) returns boolean
language plpgsql stable
as $$
begin
  return watchpost.sees_all() or watchpost.shows_alert(watchpost.my_scope(), alert);
end;
$$;

comment on function watchpost.is_alert_shown(uuid) is 'Part of reviewing, which is done with the owner''s rights: whether whoever acts may see an alert.';


create or replace function watchpost.lock_alert(alert uuid) returns watchpost.alert
language plpgsql
as $$
declare
  found_alert watchpost.alert;
begin
  select a.* into found_alert from watchpost.alert as a where a.id = lock_alert.alert for update;
  if not found or not watchpost.is_alert_shown(lock_alert.alert) then
    raise exception 'There is no alert %.', lock_alert.alert
      using errcode = 'WP050', hint = 'select id, person_id, state from watchpost.alert order by id desc lists them.';
  end if;
  return found_alert;
end;
$$;

comment on function watchpost.lock_alert(uuid) is 'Part of reviewing: the alert, locked; one that is unknown, or that whoever acts may not see, is an error (WP050).';


-- A cannot_link is written for the person of the alert. Locked before anything else of theirs, as a merge of people does it,
-- so that the two cannot deadlock.
create or replace function watchpost.lock_person_of(alert uuid) returns void
language plpgsql
as $$
begin
  perform
  from watchpost.person as p
  where p.id = (
    select watchpost.survivor(a.person_id) from watchpost.alert as a where a.id = lock_person_of.alert
  )
  for key share;
end;
$$;

comment on function watchpost.lock_person_of(uuid) is 'Part of dismiss, reopen and undo: locks the person of an alert against being merged or forgotten meanwhile.';


-- Locked in the order in which everything else locks them: photos, then alerts.
create or replace function watchpost.lock_photos_of(alert uuid) returns void
language plpgsql
as $$
begin
  perform watchpost.lock_images(array(
    select m.image_id
    from watchpost.alert_match as am
    join watchpost.match as m on m.id = am.match_id
    where am.alert_id = lock_photos_of.alert and m.superseded_at is null
  ));
end;
$$;

comment on function watchpost.lock_photos_of(uuid) is 'Part of dismiss: locks the photos of an alert''s sightings, whose matches are to be withdrawn.';
