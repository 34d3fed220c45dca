-- Telling others: endpoints, their secrets, and which alerts they are told of.
--
--   alert ─alert.raised─> notify ─> notification ─notification.due─> deliver ─> delivery, one for each attempt

-- endpoints -----------------------------------------------------------------------------------------------------------

create or replace function watchpost.emit_endpoint_added() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'endpoint.changed', e.id,
    jsonb_build_object('endpoint_id', e.id, 'name', e.name, 'change', 'added', 'by', watchpost.actor()), s.tasks
  from new_rows as e
  cross join (select watchpost.subscribers('endpoint.changed') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_endpoint_added() is 'One endpoint.changed for each new endpoint.';

create or replace trigger endpoint_added after insert on watchpost.endpoint
referencing new table as new_rows
for each statement execute function watchpost.emit_endpoint_added();


create or replace function watchpost.emit_endpoint_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'endpoint.changed', n.id,
    jsonb_build_object(
      'endpoint_id', n.id,
      'name', n.name,
      'change', case
        when n.removed_at is not null and o.removed_at is null then 'removed'
        when n.enabled and not o.enabled then 'enabled'
        when o.enabled and not n.enabled then 'disabled'
        else 'changed'
      end,
      'reason', n.disabled_reason,
      'by', watchpost.actor()
    ),
    s.tasks
  from new_rows as n
  join old_rows as o on o.id = n.id
  cross join (select watchpost.subscribers('endpoint.changed') as tasks) as s
  where n is distinct from o;
  return null;
end;
$$;

comment on function watchpost.emit_endpoint_changed() is 'One endpoint.changed for each endpoint that is changed, enabled, disabled or removed.';

create or replace trigger endpoint_changed after update on watchpost.endpoint
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_endpoint_changed();


create or replace function watchpost.find_endpoint(name_or_id text) returns uuid
language plpgsql stable
as $$
declare
  found_id uuid;
begin
  select e.id into found_id
  from watchpost.endpoint as e
  where e.removed_at is null and (e.name = name_or_id or e.id::text = lower(name_or_id))
  order by e.name = name_or_id desc
  limit 1;
  if found_id is null then
    raise exception 'There is no endpoint %.', quote_literal(name_or_id)
      using errcode = 'WP053',
            hint = 'Endpoints: ' || coalesce(
              (select string_agg(e.name, ', ' order by e.name) from watchpost.endpoint as e where e.removed_at is null),
              'none yet'
            ) || '.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_endpoint(text) is 'The id of an endpoint by its name or id; an unknown one is an error (WP053).';


-- 244 random bits: a UUID has 122 from the server's strong source.
create or replace function watchpost.make_secret() returns text
language sql volatile
return 'whsec_' || encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64');

comment on function watchpost.make_secret() is 'A new secret, in the form that Standard Webhooks asks for.';


create or replace function watchpost.add_endpoint(
  name         text,
  url          text,
  watchlists   uuid[] default '{}',
  min_severity text default 'info',
  time_to_live interval default '15 minutes',
  plain_http   boolean default false,
  out endpoint_id uuid,
  out secret      text
)
language plpgsql
as $$
declare
  violated text;
begin
  begin
    insert into watchpost.endpoint as e (name, url, min_severity, time_to_live, plain_http)
    values (
      add_endpoint.name, add_endpoint.url, add_endpoint.min_severity, add_endpoint.time_to_live, add_endpoint.plain_http
    )
    returning e.id into endpoint_id;
  exception
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      if violated = 'endpoint_url_protected' then
        raise exception 'The URL must begin with https://, or lead to this machine.'
          using errcode = 'WP054',
                hint = 'Over plain http names and places could be read on the way. Where that is no concern: plain_http => true, or WATCHPOST_WEBHOOK_HTTP=allow for the API and the command line.';
      elsif violated = 'endpoint_url' then
        raise exception 'The URL can not be used: %.',
          case
            when add_endpoint.url ~* '^https?://[^/?#]*@' then 'it holds a user or a password'
            when add_endpoint.url !~* '^https?://' then 'it does not begin with https://'
            when add_endpoint.url ~ '#' then 'it has a fragment'
            else 'it is not a URL'
          end
          using errcode = 'WP054', hint = 'Give one like https://guards.example/hooks/watchpost; who calls is shown by the signature.';
      end if;
      raise;
  end;
  insert into watchpost.endpoint_watchlist (endpoint_id, watchlist_id)
  select add_endpoint.endpoint_id, l from unnest(watchlists) as l;
  secret := watchpost.make_secret();
  insert into watchpost.endpoint_secret (endpoint_id, slot, secret)
  values (add_endpoint.endpoint_id, 'current', add_endpoint.secret);
end;
$$;

comment on function watchpost.add_endpoint is 'Adds an endpoint and returns its secret, which is shown this once. No watchlists: all. A URL that will not do is an error (WP054).';


create or replace function watchpost.rotate_secret(
  endpoint uuid,
  keep     interval default '1 day',
  out secret         text,
  out previous_until timestamptz
)
language plpgsql
as $$
begin
  -- Two rotations at once take turns here.
  perform from watchpost.endpoint as e where e.id = endpoint and e.removed_at is null for update;
  if not found then
    perform watchpost.find_endpoint(endpoint::text);
  end if;
  previous_until := clock_timestamp() + keep;
  delete from watchpost.endpoint_secret as s where s.endpoint_id = endpoint and s.slot = 'previous';
  update watchpost.endpoint_secret as s
  set slot = 'previous', valid_until = previous_until
  where s.endpoint_id = endpoint and s.slot = 'current';
  secret := watchpost.make_secret();
  insert into watchpost.endpoint_secret (endpoint_id, slot, secret) values (endpoint, 'current', rotate_secret.secret);
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'endpoint.changed', endpoint,
    jsonb_build_object(
      'endpoint_id', endpoint, 'change', 'secret rotated', 'previous_until', previous_until, 'by', watchpost.actor()
    ),
    watchpost.subscribers('endpoint.changed')
  );
end;
$$;

comment on function watchpost.rotate_secret is 'Gives an endpoint a new secret and returns it, this once. The one before signs too, for as long as keep says; the one before that ends at once.';


create or replace function watchpost.valid_secrets(endpoint uuid) returns text[]
language sql volatile
begin atomic
  select array(
    select s.secret
    from watchpost.endpoint_secret as s
    where s.endpoint_id = valid_secrets.endpoint and (s.valid_until is null or s.valid_until > clock_timestamp())
    order by s.slot
  );
end;

comment on function watchpost.valid_secrets(uuid) is 'What a message to this endpoint is signed with now: the current secret, and the one before it while it is valid.';


create or replace function watchpost.enable_endpoint(endpoint uuid) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = true, disabled_reason = null
  where e.id = watchpost.find_endpoint(endpoint::text) and not e.enabled;
end;
$$;

comment on function watchpost.enable_endpoint(uuid) is 'Lets alerts be sent there (again).';


create or replace function watchpost.disable_endpoint(endpoint uuid, reason text default null) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = false, disabled_reason = disable_endpoint.reason
  where e.id = watchpost.find_endpoint(endpoint::text) and e.enabled;
end;
$$;

comment on function watchpost.disable_endpoint(uuid, text) is 'Lets nothing be sent there; what is due already is not sent either.';


create or replace function watchpost.remove_endpoint(endpoint uuid) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = false, removed_at = now()
  where e.id = watchpost.find_endpoint(endpoint::text);
  delete from watchpost.endpoint_secret as s where s.endpoint_id = endpoint;
end;
$$;

comment on function watchpost.remove_endpoint(uuid) is 'Removes an endpoint and its secrets; what was sent there stays on record, and the name is free.';

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


create or replace function watchpost.notify_endpoints(alerts uuid[]) returns integer
language sql
begin atomic
  with told as (
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
    on conflict do nothing
    returning id
  )
  select count(*)::integer from told;
end;

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
      'retroactive', coalesce((to_jsonb(a) ->> 'retroactive')::boolean, false)
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
