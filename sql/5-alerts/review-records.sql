-- Rules for every review of an alert: the number of reviewers is fixed with the alert, reviews are never changed, and
-- each becomes an event.
--
-- emits alert.reviewed

-- alert ---------------------------------------------------------------------------------------------------------------

create or replace function watchpost.note_reviewers_needed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  select w.reviewers into new.reviewers_needed from watchpost.watchlist as w where w.id = new.watchlist_id;
  return new;
end;
$$;

comment on function watchpost.note_reviewers_needed() is 'Stores with a new alert how many reviewers its list asks for now.';

create or replace trigger alert_note_reviewers before insert on watchpost.alert
for each row execute function watchpost.note_reviewers_needed();


create or replace function watchpost.keep_reviewers_needed() returns trigger
language plpgsql
as $$
begin
  raise exception 'The number of reviewers of an alert is fixed when it is raised.'
    using errcode = 'WP051', hint = 'A change of watchlist.reviewers applies to later alerts.';
end;
$$;

comment on function watchpost.keep_reviewers_needed() is 'Refuses to change reviewers_needed, which would bypass the rule of two reviewers (WP051).';

create or replace trigger alert_keep_reviewers before update on watchpost.alert
for each row when (old.reviewers_needed is distinct from new.reviewers_needed)
execute function watchpost.keep_reviewers_needed();

-- alert_review --------------------------------------------------------------------------------------------------------

create or replace function watchpost.emit_alert_reviewed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- Without image_id: a decision is not a step of the photo, which is done by then.
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'alert.reviewed', r.id,
    jsonb_build_object(
      'alert_id', r.alert_id, 'person_id', a.person_id, 'decision', r.decision, 'dismissal', r.dismissal,
      'reviewer', r.reviewer, 'state', a.state
    ) || jsonb_strip_nulls(jsonb_build_object('undoes', r.undoes)),
    s.tasks
  from new_rows as r
  join watchpost.alert as a on a.id = r.alert_id
  cross join (select watchpost.subscribers('alert.reviewed') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_alert_reviewed() is 'One alert.reviewed for each new review.';

create or replace trigger alert_review_emit after insert on watchpost.alert_review
referencing new table as new_rows
for each statement execute function watchpost.emit_alert_reviewed();


-- A review may only be deleted with its alert, when a person is forgotten: in a cascade the alert is gone already.
create or replace function watchpost.keep_review() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' and not exists (select from watchpost.alert as a where a.id = old.alert_id) then
    return old;
  end if;
  raise exception 'Reviews are never changed: % of watchpost.alert_review is refused.', tg_op
    using errcode = 'WP020', hint = 'Add another review instead: select watchpost.undo(alert) takes the last one back, watchpost.reopen(alert, note) makes the alert open again.';
end;
$$;

comment on function watchpost.keep_review() is 'Refuses to change or delete reviews (WP020).';

create or replace trigger alert_review_keep before update or delete on watchpost.alert_review
for each row execute function watchpost.keep_review();
