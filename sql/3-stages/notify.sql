-- Notifying: which endpoints an alert is sent to, and the message.
--
-- consumes alert.raised · writes notification, paging_held · emits notification.due, which deliver consumes

-- Without the photo, which takes an API key to read.
create or replace function watchpost.alert_message(alert uuid) returns json
language plpgsql stable
as $$
begin
  return (select json_build_object(
    'type', case when d.retroactive then 'alert.retroactive' else 'alert.raised' end,
    'timestamp', watchpost.utc(d.created_at),
    'data', json_build_object(
      'alert_id', d.id,
      'person', json_build_object('id', d.person_id, 'name', d.person, 'external_ref', d.external_ref),
      'watchlist', d.watchlist,
      'severity', d.severity,
      'similarity', d.similarity,
      'threshold', d.threshold,
      'camera', d.camera,
      'location', d.location,
      'zone', d.zone,
      'first_seen', watchpost.utc(d.first_seen),
      'last_seen', watchpost.utc(d.last_seen),
      'sightings', d.sightings,
      'image_id', d.image_id,
      'face_id', d.face_id,
      'retroactive', d.retroactive
    )
  )
  from watchpost.alert_detail as d
  where d.id = alert_message.alert);
end;
$$;

comment on function watchpost.alert_message(uuid) is 'The message that is sent about an alert: {type, timestamp, data}.';


-- In plpgsql, so that a session plans it once: as an SQL function, planned at each call, it took 3.4 ms an alert.
create or replace function watchpost.write_notifications(passed uuid[], events uuid[], alerts uuid[]) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  raised uuid[] := array(
    select r.alert_id from unnest(events, alerts) as r (event_id, alert_id) where r.event_id = any (passed)
  );
  written integer;
begin
  -- The messages of a list that has a rate are counted by one worker at a time.
  perform
  from watchpost.paging as p
  where p.at_most is not null
    and p.watchlist_id in (select a.watchlist_id from watchpost.alert as a where a.id = any (raised))
  order by p.watchlist_id
  for no key update;

  with wanted as materialized (
    select
      d.id as alert_id, e.id as endpoint_id, w.id as watchlist_id, p.at_most, p.within,
      p.watchlist_id is not null and watchpost.is_quiet_for(w.id, d.severity) as is_quiet
    from watchpost.alert_detail as d
    join watchpost.watchlist as w on w.id = d.watchlist_id
    join watchpost.endpoint as e
      on e.enabled
      and (e.site_id is null or e.site_id = w.site_id)
      and e.sends in ('alerts', 'both')
      and watchpost.severity_rank(e.min_severity) <= watchpost.severity_rank(d.severity)
      and (
        not exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = e.id)
        or exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = e.id and l.watchlist_id = w.id)
      )
    left join watchpost.paging as p on p.watchlist_id = w.id
    where d.id = any (raised)
      and d.withdrawn_at is null
      and (not d.retroactive or w.page_retroactive)
      -- It is told when nobody has acknowledged the alert.
      and not exists (select from watchpost.paging_step as s where s.watchlist_id = w.id and s.endpoint_id = e.id)
      and not exists (select from watchpost.notification as n where n.alert_id = d.id and n.endpoint_id = e.id)
      and not exists (select from watchpost.paging_held as h where h.alert_id = d.id and h.endpoint_id = e.id)
  ),
  judged as materialized (
    select
      t.*,
      case
        when t.is_quiet then 'quiet'
        when t.at_most is null then null
        when t.at_most < watchpost.messages_within(t.watchlist_id, t.endpoint_id, t.within)
          + row_number() over (partition by t.watchlist_id, t.endpoint_id, t.is_quiet order by t.alert_id)
          then 'rate'
      end as held
    from wanted as t
  ),
  held_back as (
    insert into watchpost.paging_held (alert_id, endpoint_id, watchlist_id, because)
    select j.alert_id, j.endpoint_id, j.watchlist_id, j.held from judged as j where j.held is not null
    on conflict do nothing
  )
  insert into watchpost.notification (alert_id, endpoint_id, message)
  select j.alert_id, j.endpoint_id, watchpost.alert_message(j.alert_id)
  from judged as j
  where j.held is null
  on conflict do nothing;
  get diagnostics written = row_count;
  return written;
end;
$$;

comment on function watchpost.write_notifications is 'notify: a notification of each alert for each endpoint that wants it. Retroactive alerts have them only if the list says page_retroactive; what its quiet hours and rate hold back is in paging_held.';


create or replace function watchpost.emit_notification_due() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- Without image_id: a photo is done when its alert is raised, not when the last endpoint has answered.
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'notification.due', n.id,
    jsonb_build_object('notification_id', n.id, 'endpoint_id', n.endpoint_id, 'alert_id', n.alert_id), s.tasks
  from new_rows as n
  cross join (select watchpost.subscribers('notification.due') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_notification_due() is 'One notification.due for each new notification.';

create or replace trigger notification_emit after insert on watchpost.notification
referencing new table as new_rows
for each statement execute function watchpost.emit_notification_due();
