-- Whom an alert is told to, what is sent, and what came of it.

-- notifications -------------------------------------------------------------------------------------------------------

create or replace function watchpost.severity_rank(severity text) returns integer
language sql immutable
return array_position(array['info', 'warning', 'critical'], severity);

comment on function watchpost.severity_rank(text) is '1 info, 2 warning, 3 critical.';


create or replace function watchpost.utc(moment timestamptz) returns text
language sql immutable
return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

comment on function watchpost.utc(timestamptz) is 'A moment as messages write it, whatever the session''s time zone: 2026-11-23T15:04:05.000Z.';


-- No photo: whoever is told looks at it here, with a key.
create or replace function watchpost.alert_message(alert uuid) returns json
language sql stable
begin atomic
  select json_build_object(
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
  where d.id = alert_message.alert;
end;

comment on function watchpost.alert_message(uuid) is 'What an endpoint is told of an alert: {type, timestamp, data}.';


-- In plpgsql, whose plan a session keeps: as an SQL function, planned at each call, 3.4 ms for an alert.
create or replace function watchpost.notify_endpoints(alerts uuid[]) returns integer
language plpgsql
as $$
declare
  told integer;
begin
  insert into watchpost.notification (alert_id, endpoint_id, message)
  select d.id, e.id, watchpost.alert_message(d.id)
  from watchpost.alert_detail as d
  join watchpost.watchlist as w on w.id = d.watchlist_id
  join watchpost.endpoint as e
    on e.enabled
    and watchpost.severity_rank(e.min_severity) <= watchpost.severity_rank(d.severity)
    and (
      not exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = e.id)
      or exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = e.id and l.watchlist_id = w.id)
    )
  where d.id = any (notify_endpoints.alerts)
    and d.withdrawn_at is null
    and (not d.retroactive or w.page_retroactive)
  on conflict do nothing;
  get diagnostics told = row_count;
  return told;
end;
$$;

comment on function watchpost.notify_endpoints(uuid[]) is 'Writes what the endpoints are to be told of some alerts; returns how many notifications. Retroactive alerts are told only where the list says page_retroactive.';


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

-- deliveries ----------------------------------------------------------------------------------------------------------

-- What is to be done about a notification now. A sighting is as old as its photo says, or as its match if a camera's
-- clock is ahead; an alert that goes on stays news.
create or replace function watchpost.delivery_due(notification uuid) returns table (
  endpoint_id uuid,
  url         text,
  message     text,
  secrets     text[],
  verdict     text
)
language sql volatile
begin atomic
  select
    e.id,
    e.url,
    n.message::text,
    watchpost.valid_secrets(e.id),
    case
      when n.state <> 'due' then n.state
      when not e.enabled then 'disabled'
      when a.withdrawn_at is not null or a.state = 'dismissed' then 'withdrawn'
      when n.message ->> 'type' = 'alert.raised'
        and clock_timestamp() - e.time_to_live > least(
          a.last_seen,
          (
            select max(m.created_at)
            from watchpost.alert_match as am
            join watchpost.match as m on m.id = am.match_id
            where am.alert_id = a.id
          )
        )
        then 'expired'
      else 'send'
    end
  from watchpost.notification as n
  join watchpost.endpoint as e on e.id = n.endpoint_id
  join watchpost.alert as a on a.id = n.alert_id
  where n.id = delivery_due.notification;
end;

comment on function watchpost.delivery_due(uuid) is 'A notification with what it takes to send it, and the verdict: send, or the state it ends in without being sent.';


create or replace function watchpost.begin_delivery(endpoint uuid, notification uuid default null) returns table (
  delivery_id uuid,
  attempt     smallint
)
language sql
begin atomic
  insert into watchpost.delivery (notification_id, endpoint_id, attempt)
  select
    begin_delivery.notification,
    begin_delivery.endpoint,
    1 + (select count(*) from watchpost.delivery as d where d.notification_id = begin_delivery.notification)
  returning id, attempt;
end;

comment on function watchpost.begin_delivery(uuid, uuid) is 'Notes an attempt before it is made, so that one which its worker does not survive leaves a trace.';


create or replace view watchpost.delivery_log as
select
  d.id,
  d.endpoint_id,
  e.name as endpoint,
  d.notification_id,
  n.alert_id,
  case when d.notification_id is null then 'test' else n.message ->> 'type' end as type,
  d.attempt,
  d.started_at,
  d.duration_ms,
  case
    when d.duration_ms is null then 'unfinished'
    when d.error is null then 'delivered'
    else 'failed'
  end as outcome,
  d.status,
  d.error,
  d.answer,
  n.state
from watchpost.delivery as d
join watchpost.endpoint as e on e.id = d.endpoint_id
left join watchpost.notification as n on n.id = d.notification_id;

comment on view   watchpost.delivery_log         is 'Every attempt to tell an endpoint of something.';
comment on column watchpost.delivery_log.outcome is 'Of this attempt. unfinished: under way, or its worker died over it.';
comment on column watchpost.delivery_log.state   is 'Of the notification, by now.';

-- listening -----------------------------------------------------------------------------------------------------------

-- NOTIFY takes a lock of the whole database at commit, which the pipeline's rows can not afford; of a thousand photos
-- one may raise an alert, so alerts can.
create or replace function watchpost.announce_alert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify(
    'watchpost_alert',
    jsonb_build_object(
      'alert_id', a.id, 'person_id', a.person_id, 'severity', a.severity,
      'retroactive', a.retroactive
    )::text
  )
  from new_rows as a;
  return null;
end;
$$;

comment on function watchpost.announce_alert() is 'NOTIFY watchpost_alert for each new alert. A hint for those who listen: the row is the truth.';

create or replace trigger alert_announce after insert on watchpost.alert
referencing new table as new_rows
for each statement execute function watchpost.announce_alert();
