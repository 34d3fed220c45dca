-- Delivering: a message to an endpoint, repeated until it is accepted or expires.
--
-- consumes notification.due · writes delivery, notification.state · emits nothing

-- A sighting is as old as its photo says, or as its match, if a camera's clock is ahead. The latest sighting of an
-- alert counts.
create or replace function watchpost.delivery_due(notification uuid) returns table (
  endpoint_id uuid,
  message     text,
  verdict     text
)
language plpgsql
as $$
begin
  return query
  select
    e.id,
    n.message::text,
    case
      when n.state <> 'due' then n.state
      when not e.enabled then 'disabled'
      when a.withdrawn_at is not null or a.state = 'dismissed' then 'withdrawn'
      -- One that is escalated is old by then; it is as old as the escalation.
      when n.because = 'escalated' and clock_timestamp() - e.time_to_live > n.created_at then 'expired'
      when n.because = 'raised' and n.message ->> 'type' = 'alert.raised'
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
$$;

comment on function watchpost.delivery_due(uuid) is 'A notification, its message, and the verdict: send, or the state in which it ends unsent.';


create or replace function watchpost.begin_delivery(
  endpoint uuid, notification uuid default null, type text default null
) returns table (
  delivery_id uuid,
  attempt     smallint
)
language plpgsql
as $$
begin
  return query
  insert into watchpost.delivery as made (notification_id, endpoint_id, type, attempt)
  select
    begin_delivery.notification,
    begin_delivery.endpoint,
    begin_delivery.type,
    1 + (select count(*) from watchpost.delivery as d where d.notification_id = begin_delivery.notification)
  returning made.id, made.attempt;
exception
  when foreign_key_violation then
    raise exception 'The notification %, or its endpoint, was deleted before it was sent.', begin_delivery.notification
      using errcode = 'WP009';
end;
$$;

comment on function watchpost.begin_delivery is 'Records an attempt before it is made, so that one leaves a trace whose worker dies. A notification that was deleted is an error (WP009).';


create or replace function watchpost.write_notification_states(
  passed uuid[], events uuid[], notifications uuid[], states text[]
) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  written integer;
  gone uuid[];
begin
  with settled as (
    update watchpost.notification as n
    set state = s.state, settled_at = clock_timestamp()
    from unnest(events, notifications, states) as s (event_id, notification_id, state)
    where n.id = s.notification_id and n.state = 'due' and s.event_id = any (passed)
    returning n.state, n.endpoint_id
  )
  select count(*), array_agg(s.endpoint_id) filter (where s.state = 'gone') into written, gone from settled as s;
  if gone is not null then
    perform watchpost.disable_endpoint(e.id, 'It answered 410 Gone.')
    from watchpost.endpoint as e
    where e.id = any (gone) and e.removed_at is null
    order by e.id;
  end if;
  return written;
end;
$$;

comment on function watchpost.write_notification_states is 'deliver: the final states of notifications that are still due. An endpoint that is gone is disabled.';


create or replace view watchpost.delivery_log with (security_invoker = true) as
select
  d.id,
  d.endpoint_id,
  e.name as endpoint,
  d.notification_id,
  n.alert_id,
  coalesce(n.message ->> 'type', d.type, 'test') as type,
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
  n.state
from watchpost.delivery as d
join watchpost.endpoint as e on e.id = d.endpoint_id
left join watchpost.notification as n on n.id = d.notification_id;

comment on view   watchpost.delivery_log         is 'Every attempt to send a message to an endpoint.';
comment on column watchpost.delivery_log.outcome is 'Of this attempt. unfinished: under way, or its worker died.';
comment on column watchpost.delivery_log.state   is 'Of the notification, now.';
