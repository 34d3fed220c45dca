-- Acting on an alert: acknowledge, confirm, dismiss, reopen.
--
--   open ──acknowledge──> acknowledged ──confirm──> confirmed
--     └──────confirm, dismiss───┴──dismiss──> dismissed        any of the three ──reopen──> open
--
-- Where two reviewers are needed, the first confirm leads to acknowledged, and a second one, by another reviewer, to
-- confirmed; constraints of the table ensure that for every writer. Every decision is a row of alert_review:
-- review-records.sql.

-- The API may act in the name of its callers. Everybody else reviews as the database user, whatever setting they make,
-- so that two reviewers are always two people.
create or replace function watchpost.reviewer() returns text
language sql stable
return case
  when has_table_privilege(session_user, 'watchpost.alert', 'insert') then watchpost.actor()
  else normalize(session_user, nfc)
end;

comment on function watchpost.reviewer() is 'In whose name a review is made: actor() for those who may raise alerts themselves, else the database user.';


create or replace function watchpost.lock_alert(alert uuid) returns watchpost.alert
language plpgsql
as $$
declare
  found_alert watchpost.alert;
begin
  select a.* into found_alert from watchpost.alert as a where a.id = lock_alert.alert for update;
  if not found then
    raise exception 'There is no alert %.', lock_alert.alert
      using errcode = 'WP050', hint = 'select id, person_id, state from watchpost.alert order by id desc lists them.';
  end if;
  return found_alert;
end;
$$;

comment on function watchpost.lock_alert(uuid) is 'Part of reviewing: the alert, locked; an unknown one is an error (WP050).';


create or replace function watchpost.refuse_review(alert watchpost.alert, verb text) returns void
language plpgsql stable
as $$
begin
  raise exception 'The alert cannot be %: it %.', verb,
    case
      when alert.state = 'dismissed' then format('was dismissed by %s (%s)', alert.dismissed_by, alert.dismissal)
      when alert.state = 'confirmed' then
        'was confirmed by ' || concat_ws(' and ', alert.confirmed_by, alert.second_confirmed_by)
      when alert.withdrawn_at is not null then 'was withdrawn, because nothing that it rested on stands'
      when alert.state = 'acknowledged' then format('was acknowledged by %s', alert.acknowledged_by)
      else 'is open'
    end
    using errcode = 'WP051',
          hint = case
            when alert.withdrawn_at is not null then 'Later sightings of this person, and those that were found again, are in other alerts.'
            when alert.state = 'open' then 'select * from watchpost.alert_review shows what was decided so far.'
            else 'select watchpost.reopen(alert, note) makes it open again.'
          end;
end;
$$;

comment on function watchpost.refuse_review(watchpost.alert, text) is 'Raises the error (WP051) that says why the state of an alert does not allow this review.';


create or replace function watchpost.acknowledge(alert uuid, note text default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a watchpost.alert := watchpost.lock_alert(alert);
begin
  if a.state <> 'open' or a.withdrawn_at is not null then
    perform watchpost.refuse_review(a, 'acknowledged');
  end if;
  update watchpost.alert as u
  set state = 'acknowledged', acknowledged_by = watchpost.reviewer(), acknowledged_at = clock_timestamp()
  where u.id = a.id
  returning u.* into a;
  insert into watchpost.alert_review (alert_id, decision, reviewer, note)
  values (a.id, 'acknowledged', watchpost.reviewer(), nullif(acknowledge.note, ''));
  return a;
end;
$$;

comment on function watchpost.acknowledge(uuid, text) is 'Acknowledges an open alert.';


create or replace function watchpost.confirm(alert uuid, note text default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a watchpost.alert := watchpost.lock_alert(alert);
  who text := watchpost.reviewer();
begin
  if a.state not in ('open', 'acknowledged') or a.withdrawn_at is not null then
    perform watchpost.refuse_review(a, 'confirmed');
  end if;
  if a.confirmed_by = who then
    raise exception '% has confirmed this alert already, and its list asks for a second reviewer.', who
      using errcode = 'WP052', hint = 'A second person has to confirm it, under another name.';
  end if;

  if a.confirmed_by is null then
    update watchpost.alert as u
    set state = case when a.reviewers_needed = 1 then 'confirmed' else 'acknowledged' end,
        acknowledged_by = coalesce(a.acknowledged_by, who),
        acknowledged_at = coalesce(a.acknowledged_at, clock_timestamp()),
        confirmed_by = who,
        confirmed_at = clock_timestamp()
    where u.id = a.id
    returning u.* into a;
  else
    update watchpost.alert as u
    set state = 'confirmed', second_confirmed_by = who, second_confirmed_at = clock_timestamp()
    where u.id = a.id
    returning u.* into a;
  end if;
  insert into watchpost.alert_review (alert_id, decision, reviewer, note)
  values (a.id, 'confirmed', who, nullif(confirm.note, ''));
  return a;
end;
$$;

comment on function watchpost.confirm(uuid, text) is 'Confirms an alert. Where its list asks for two reviewers it stays acknowledged until a second reviewer confirms it too; the first one again is an error (WP052).';


create or replace function watchpost.dismiss(alert uuid, dismissal text, note text default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a watchpost.alert;
  who text := watchpost.reviewer();
begin
  if dismissal is null or dismissal not in ('not_them', 'false_alarm', 'resolved', 'other') then
    raise exception '% is no reason to dismiss an alert.', coalesce(quote_literal(dismissal), 'Nothing')
      using errcode = 'WP055', hint = 'Reasons: not_them, false_alarm, resolved, other.';
  end if;
  a := watchpost.lock_alert(alert);
  if a.state not in ('open', 'acknowledged') then
    perform watchpost.refuse_review(a, 'dismissed');
  end if;
  update watchpost.alert as u
  set state = 'dismissed', dismissed_by = who, dismissed_at = clock_timestamp(), dismissal = dismiss.dismissal
  where u.id = a.id
  returning u.* into a;
  insert into watchpost.alert_review (alert_id, decision, dismissal, reviewer, note)
  values (a.id, 'dismissed', dismiss.dismissal, who, nullif(dismiss.note, ''));

  if dismissal = 'not_them' then
    perform watchpost.link_not(a.id, who, dismiss.note);
    -- The alert has lost its matches and is withdrawn by now.
    select u.* into a from watchpost.alert as u where u.id = a.id;
  end if;
  return a;
end;
$$;

comment on function watchpost.dismiss(uuid, text, text) is 'Dismisses an alert: not_them, false_alarm, resolved or other (WP055). not_them writes a cannot_link for each of its faces, which never match this person again.';


create or replace function watchpost.link_not(alert uuid, by_whom text, note text) returns void
language plpgsql
as $$
begin
  insert into watchpost.cannot_link (person_id, face_id, alert_id, reason, created_by)
  select distinct m.person_id, m.face_id, link_not.alert, coalesce(nullif(note, ''), 'dismissed as not them'), by_whom
  from watchpost.alert_match as am
  join watchpost.match as m on m.id = am.match_id
  where am.alert_id = link_not.alert and m.superseded_at is null
  on conflict do nothing;
end;
$$;

comment on function watchpost.link_not(uuid, text, text) is 'Part of dismiss: a cannot_link for each face of the alert.';


create or replace function watchpost.reopen(alert uuid, note text default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a watchpost.alert := watchpost.lock_alert(alert);
begin
  if a.state = 'open' then
    perform watchpost.refuse_review(a, 'reopened');
  end if;
  -- This searches the faces again.
  delete from watchpost.cannot_link as c where c.alert_id = a.id;
  update watchpost.alert as u
  set state = 'open',
      acknowledged_by = null, acknowledged_at = null,
      confirmed_by = null, confirmed_at = null,
      second_confirmed_by = null, second_confirmed_at = null,
      dismissed_by = null, dismissed_at = null, dismissal = null
  where u.id = a.id
  returning u.* into a;
  insert into watchpost.alert_review (alert_id, decision, reviewer, note)
  values (a.id, 'reopened', watchpost.reviewer(), nullif(reopen.note, ''));
  return a;
end;
$$;

comment on function watchpost.reopen(uuid, text) is 'Makes an alert open again; what was decided before stays in alert_review. The cannot_link rows of its dismissal are deleted.';
