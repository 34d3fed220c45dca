-- Acting on an alert: acknowledge, confirm, dismiss, reopen. Taking the last of these back: undo.sql.
--
--   open ──acknowledge──> acknowledged ──confirm──> confirmed
--     └──────confirm, dismiss───┴──dismiss──> dismissed        any of the three ──reopen──> open
--
-- Where two reviewers are needed, the first confirm leads to acknowledged, and a second one, by another reviewer, to
-- confirmed; constraints of the table ensure that for every writer. Every decision is a row of alert_review:
-- review-records.sql.

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
            else 'select watchpost.undo(alert) takes the last review back; watchpost.reopen(alert, note) makes it open again.'
          end;
end;
$$;

comment on function watchpost.refuse_review(watchpost.alert, text) is 'Raises the error (WP051) that says why the state of an alert does not allow this review.';


-- Text that undo reads back to the microsecond.
create or replace function watchpost.decided(alert watchpost.alert) returns jsonb
language sql stable
return jsonb_build_object(
  'state', alert.state,
  'acknowledged_by', alert.acknowledged_by, 'acknowledged_at', alert.acknowledged_at,
  'confirmed_by', alert.confirmed_by, 'confirmed_at', alert.confirmed_at,
  'second_confirmed_by', alert.second_confirmed_by, 'second_confirmed_at', alert.second_confirmed_at,
  'dismissed_by', alert.dismissed_by, 'dismissed_at', alert.dismissed_at, 'dismissal', alert.dismissal
);

comment on function watchpost.decided(watchpost.alert) is 'The columns of an alert that reviews change.';


create or replace function watchpost.add_review(
  was watchpost.alert, decision text, note text, dismissal text default null, undoes uuid default null,
  removed_links jsonb default null
) returns watchpost.alert_review
language plpgsql
as $$
declare
  made watchpost.alert_review;
begin
  insert into watchpost.alert_review (alert_id, decision, dismissal, reviewer, note, undoes, before)
  values (
    was.id, add_review.decision, add_review.dismissal, watchpost.reviewer(), nullif(add_review.note, ''),
    add_review.undoes,
    watchpost.decided(was) || jsonb_strip_nulls(jsonb_build_object('cannot_links', removed_links))
  )
  returning * into made;
  return made;
end;
$$;

comment on function watchpost.add_review is 'Part of every review: writes it down, with what the alert was before it and the cannot_link rows that it deleted.';


create or replace function watchpost.acknowledge(alert uuid, note text default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  was watchpost.alert := watchpost.lock_alert(alert);
  a watchpost.alert;
begin
  if was.state <> 'open' or was.withdrawn_at is not null then
    perform watchpost.refuse_review(was, 'acknowledged');
  end if;
  update watchpost.alert as u
  set state = 'acknowledged', acknowledged_by = watchpost.reviewer(), acknowledged_at = clock_timestamp()
  where u.id = was.id
  returning u.* into a;
  perform watchpost.add_review(was, 'acknowledged', acknowledge.note);
  return a;
end;
$$;

comment on function watchpost.acknowledge(uuid, text) is 'Acknowledges an open alert.';


create or replace function watchpost.confirm(alert uuid, note text default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  was watchpost.alert := watchpost.lock_alert(alert);
  a watchpost.alert;
  who text := watchpost.reviewer();
begin
  if was.state not in ('open', 'acknowledged') or was.withdrawn_at is not null then
    perform watchpost.refuse_review(was, 'confirmed');
  end if;
  if was.confirmed_by = who then
    raise exception '% has confirmed this alert already, and its list asks for a second reviewer.', who
      using errcode = 'WP052', hint = 'A second person has to confirm it, under another name.';
  end if;

  if was.confirmed_by is null then
    update watchpost.alert as u
    set state = case when was.reviewers_needed = 1 then 'confirmed' else 'acknowledged' end,
        acknowledged_by = coalesce(was.acknowledged_by, who),
        acknowledged_at = coalesce(was.acknowledged_at, clock_timestamp()),
        confirmed_by = who,
        confirmed_at = clock_timestamp()
    where u.id = was.id
    returning u.* into a;
  else
    update watchpost.alert as u
    set state = 'confirmed', second_confirmed_by = who, second_confirmed_at = clock_timestamp()
    where u.id = was.id
    returning u.* into a;
  end if;
  perform watchpost.add_review(was, 'confirmed', confirm.note);
  return a;
end;
$$;

comment on function watchpost.confirm(uuid, text) is 'Confirms an alert. Where its list asks for two reviewers it stays acknowledged until a second reviewer confirms it too; the first one again is an error (WP052).';


create or replace function watchpost.dismiss(alert uuid, dismissal text, note text default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  was watchpost.alert;
  a watchpost.alert;
  made watchpost.alert_review;
begin
  if dismissal is null or dismissal not in ('not_them', 'false_alarm', 'resolved', 'other') then
    raise exception '% is no reason to dismiss an alert.', coalesce(quote_literal(dismissal), 'Nothing')
      using errcode = 'WP055', hint = 'Reasons: not_them, false_alarm, resolved, other.';
  end if;
  if dismissal = 'not_them' and watchpost.is_alert_shown(alert) then
    perform watchpost.lock_person_of(alert);
    perform watchpost.lock_photos_of(alert);
  end if;
  was := watchpost.lock_alert(alert);
  if was.state not in ('open', 'acknowledged') then
    perform watchpost.refuse_review(was, 'dismissed');
  end if;
  update watchpost.alert as u
  set state = 'dismissed', dismissed_by = watchpost.reviewer(), dismissed_at = clock_timestamp(),
      dismissal = dismiss.dismissal
  where u.id = was.id
  returning u.* into a;
  made := watchpost.add_review(was, 'dismissed', dismiss.note, dismiss.dismissal);

  if dismissal = 'not_them' then
    perform watchpost.link_not(made);
    -- The alert has lost its matches and is withdrawn by now.
    select u.* into a from watchpost.alert as u where u.id = a.id;
  end if;
  return a;
end;
$$;

comment on function watchpost.dismiss(uuid, text, text) is 'Dismisses an alert: not_them, false_alarm, resolved or other (WP055). not_them writes a cannot_link for each of its faces, which never match this person again.';


create or replace function watchpost.link_not(review watchpost.alert_review) returns void
language plpgsql
as $$
begin
  insert into watchpost.cannot_link (person_id, face_id, alert_id, review_id, reason, created_by)
  select distinct
    m.person_id, m.face_id, review.alert_id, review.id, coalesce(review.note, 'dismissed as not them'), review.reviewer
  from watchpost.alert_match as am
  join watchpost.match as m on m.id = am.match_id
  where am.alert_id = review.alert_id and m.superseded_at is null
  on conflict do nothing;
end;
$$;

comment on function watchpost.link_not(watchpost.alert_review) is 'Part of dismiss: a cannot_link for each face of the alert.';


create or replace function watchpost.reopen(alert uuid, note text default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  removed jsonb;
  was watchpost.alert;
  a watchpost.alert;
begin
  perform watchpost.lock_person_of(alert);
  -- Restores what they had withdrawn, and locks photos, so it comes before the alert is locked.
  with gone as (
    delete from watchpost.cannot_link as c
    where c.alert_id = reopen.alert and watchpost.is_alert_shown(reopen.alert)
    returning c.*
  )
  select jsonb_agg(to_jsonb(g)) into removed from gone as g;
  was := watchpost.lock_alert(alert);
  if was.state = 'open' then
    perform watchpost.refuse_review(was, 'reopened');
  end if;
  update watchpost.alert as u
  set state = 'open',
      acknowledged_by = null, acknowledged_at = null,
      confirmed_by = null, confirmed_at = null,
      second_confirmed_by = null, second_confirmed_at = null,
      dismissed_by = null, dismissed_at = null, dismissal = null
  where u.id = was.id
  returning u.* into a;
  perform watchpost.add_review(was, 'reopened', reopen.note, removed_links => removed);
  return a;
end;
$$;

comment on function watchpost.reopen(uuid, text) is 'Makes an alert open again; what was decided before stays in alert_review. The cannot_link rows of its dismissal are deleted, and the sightings that they withdrew are restored.';
