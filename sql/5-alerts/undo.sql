-- Undoing the last review of an alert: the alert is what it was before, to the microsecond, with the sightings that a
-- dismissal as not_them had withdrawn. The review and its undoing stay on record.

create or replace function watchpost.refuse_undo(why text, hint text) returns void
language plpgsql stable
as $$
begin
  raise exception '%', why using errcode = 'WP056', hint = refuse_undo.hint;
end;
$$;

comment on function watchpost.refuse_undo is 'Raises the error (WP056) that says why the last review cannot be undone.';


create or replace function watchpost.review_to_undo(alert uuid, review uuid) returns watchpost.alert_review
language plpgsql stable
as $$
declare
  asked watchpost.alert_review;
  undone_by text;
  latest watchpost.alert_review;
begin
  select r.* into latest
  from watchpost.alert_review as r
  where r.alert_id = review_to_undo.alert
    and r.decision <> 'undone'
    and not exists (select from watchpost.alert_review as u where u.undoes = r.id)
  order by r.id desc
  limit 1;
  if review is not null and review is distinct from latest.id then
    select r.* into asked
    from watchpost.alert_review as r
    where r.id = review_to_undo.review and r.alert_id = review_to_undo.alert;
    select u.reviewer into undone_by from watchpost.alert_review as u where u.undoes = asked.id;
  end if;
  if asked.id is not null then
    perform watchpost.refuse_undo(
      case
        when undone_by is not null then format('This review was undone by %s.', undone_by)
        when asked.decision = 'undone' then 'An undoing cannot be undone: review the alert again.'
        else format('Since this review the alert was %s by %s.', latest.decision, latest.reviewer)
      end,
      'The last review is the one that can be undone: read the alert again.'
    );
  elsif latest.id is null or review <> latest.id then
    perform watchpost.refuse_undo(
      case when latest.id is null then 'There is no review of this alert to undo.' else 'This is no review of this alert.' end,
      'select * from watchpost.alert_review shows what was decided.'
    );
  elsif latest.before is null then
    perform watchpost.refuse_undo(
      'What the alert was before its last review is not on record.', 'watchpost.reopen(alert, note) makes it open again.'
    );
  end if;
  return latest;
end;
$$;

comment on function watchpost.review_to_undo is 'The last review of an alert that was not undone. It is an error (WP056) if there is none, or if another one is asked for.';


create or replace function watchpost.undo(alert uuid, note text default null, review uuid default null) returns watchpost.alert
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  latest watchpost.alert_review;
  links integer;
  was watchpost.alert;
  a watchpost.alert;
begin
  if not exists (select from watchpost.alert as known where known.id = undo.alert and watchpost.is_alert_shown(known.id)) then
    perform watchpost.lock_alert(undo.alert);
  end if;
  perform watchpost.lock_person_of(undo.alert);
  latest := watchpost.review_to_undo(undo.alert, undo.review);
  -- Photos, matches and alerts are locked in this order everywhere, so this comes before the alert is locked: it restores
  -- what these had withdrawn, or withdraws it again.
  delete from watchpost.cannot_link as c where c.review_id = latest.id;
  get diagnostics links = row_count;
  insert into watchpost.cannot_link
  select l.*
  from jsonb_populate_recordset(null::watchpost.cannot_link, latest.before -> 'cannot_links') as l
  where exists (select from watchpost.face as f where f.id = l.face_id)
  on conflict do nothing;
  was := watchpost.lock_alert(undo.alert);
  -- Somebody may have reviewed it while this waited.
  latest := watchpost.review_to_undo(undo.alert, latest.id);
  perform watchpost.refuse_if_moved_on(was, links > 0);

  update watchpost.alert as u
  set state = b.state,
      acknowledged_by = b.acknowledged_by, acknowledged_at = b.acknowledged_at,
      confirmed_by = b.confirmed_by, confirmed_at = b.confirmed_at,
      second_confirmed_by = b.second_confirmed_by, second_confirmed_at = b.second_confirmed_at,
      dismissed_by = b.dismissed_by, dismissed_at = b.dismissed_at, dismissal = b.dismissal
  from jsonb_populate_record(null::watchpost.alert, latest.before) as b
  where u.id = was.id
  returning u.* into a;
  perform watchpost.add_review(was, 'undone', undo.note, undoes => latest.id);
  return a;
end;
$$;

comment on function watchpost.undo is 'Takes back the last review of an alert, or the one before if that was undone: its state, sightings and cannot_link rows are as before. review: the one that is meant; it is an error (WP056) if another one followed. What cannot be put back is refused with the reason.';


-- Everything that this transaction did is rolled back with the error.
create or replace function watchpost.refuse_if_moved_on(alert watchpost.alert, restoring boolean) returns void
language plpgsql stable
as $$
declare
  reopening constant text := 'watchpost.reopen(alert, note) makes the alert open without its old sightings.';
  other watchpost.alert;
begin
  if alert.merged_into is not null then
    perform watchpost.refuse_undo(
      format('The alert was merged into %s, an alert of the same episode.', alert.merged_into), 'Review that one.'
    );
  end if;
  select b.* into other
  from watchpost.alert as b
  where b.merged_into = alert.id and b.withdrawn_at = now() and b.state <> 'open'
  limit 1;
  if found then
    perform watchpost.refuse_undo(
      format('Since then the same episode raised the alert %s, which was %s.', other.id, other.state),
      'Undo its last review first.'
    );
  end if;
  if restoring and alert.withdrawn_at is not null then
    perform watchpost.refuse_undo(
      'What the alert rested on does not stand any more: since then the enrolled photo was removed or searched again, or another alert of these faces was reviewed.',
      reopening
    );
  end if;
end;
$$;

comment on function watchpost.refuse_if_moved_on is 'Part of undo: refuses (WP056) if what has happened since the review cannot be reconciled with the alert as it was.';
