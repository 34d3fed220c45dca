-- What becomes of an alert about somebody on no list: somebody has looked at it, it is confirmed or dismissed, or open again.
--
-- emits stranger_alert.acknowledged, stranger_alert.reviewed

create or replace function watchpost.lock_stranger_alert(alert uuid) returns watchpost.stranger_alert
language plpgsql
as $$
declare
  sees_all constant boolean := watchpost.sees_all();
  scope constant watchpost.scope := case when not sees_all then watchpost.my_scope() end;
  found_alert watchpost.stranger_alert;
begin
  select a.* into found_alert from watchpost.stranger_alert as a where a.id = alert for update;
  -- As its policy says: a key that is bound to lists does not see who is on none.
  if not found or not (sees_all or scope.watchlists is null and watchpost.shows_camera(scope, found_alert.camera_id)) then
    raise exception 'There is no alert % about somebody on no list.', alert using errcode = 'WP067';
  end if;
  return found_alert;
end;
$$;

comment on function watchpost.lock_stranger_alert(uuid) is 'Part of what follows: the alert, locked; one that is unknown, or that whoever acts may not see, is an error (WP067).';


create or replace function watchpost.emit_stranger_reviewed(topic text, alert uuid, facts jsonb) returns void
language plpgsql
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    emit_stranger_reviewed.topic, d.stranger_alert_id, d.image_id,
    jsonb_build_object('stranger_alert_id', d.stranger_alert_id, 'rule_id', d.rule_id) || facts,
    watchpost.subscribers(emit_stranger_reviewed.topic)
  from watchpost.stranger_alert_detail as d
  where d.stranger_alert_id = alert;
end;
$$;

comment on function watchpost.emit_stranger_reviewed is 'Part of what follows: the event about it.';


create or replace function watchpost.acknowledge_stranger_alert(alert uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  was constant watchpost.stranger_alert := watchpost.lock_stranger_alert(alert);
  who constant text := watchpost.reviewer();
begin
  if was.acknowledged_at is not null then
    return;
  end if;
  update watchpost.stranger_alert as a
  set acknowledged_at = clock_timestamp(), acknowledged_by = who
  where a.id = alert;
  perform watchpost.emit_stranger_reviewed('stranger_alert.acknowledged', alert, jsonb_build_object('by', who));
end;
$$;

comment on function watchpost.acknowledge_stranger_alert(uuid) is 'Notes that somebody has looked at an alert about somebody on no list; again: nothing. An unknown one is an error (WP067).';


create or replace function watchpost.review_stranger_alert(alert uuid, decision text, note text default null) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  was watchpost.stranger_alert;
  who constant text := watchpost.reviewer();
begin
  if review_stranger_alert.decision is null or review_stranger_alert.decision not in ('confirmed', 'dismissed', 'reopened') then
    raise exception 'A decision is confirmed, dismissed or reopened.' using errcode = 'invalid_parameter_value';
  end if;
  was := watchpost.lock_stranger_alert(alert);
  if review_stranger_alert.decision = 'reopened' then
    if was.acknowledged_at is null then
      raise exception 'The alert cannot be reopened: it is open.' using errcode = 'WP051';
    end if;
    update watchpost.stranger_alert as a
    set acknowledged_at = null, acknowledged_by = null, decision = null, decided_at = null, decided_by = null,
        note = nullif(review_stranger_alert.note, '')
    where a.id = alert;
  else
    if was.decision is not null then
      raise exception 'The alert cannot be %: it was % by %.', review_stranger_alert.decision, was.decision, was.decided_by
        using errcode = 'WP051', hint = 'Reopen it first.';
    end if;
    update watchpost.stranger_alert as a
    set acknowledged_at = coalesce(was.acknowledged_at, clock_timestamp()), acknowledged_by = coalesce(was.acknowledged_by, who),
        decision = review_stranger_alert.decision, decided_at = clock_timestamp(), decided_by = who,
        note = nullif(review_stranger_alert.note, '')
    where a.id = alert;
  end if;
  -- Without the note: what was written about people is in rows that can be changed.
  perform watchpost.emit_stranger_reviewed(
    'stranger_alert.reviewed', alert, jsonb_build_object('decision', review_stranger_alert.decision, 'by', who)
  );
end;
$$;

comment on function watchpost.review_stranger_alert is 'Decides what became of an alert about somebody on no list: confirmed, dismissed, or reopened, with a note. One that is decided has to be reopened first (WP051); an unknown one is an error (WP067).';
