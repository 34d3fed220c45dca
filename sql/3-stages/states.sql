-- What became of an alert, told to services that follow it: PagerDuty acknowledges and resolves its incident by the key with
-- which it was triggered.
--
-- consumes state.due · writes delivery · emits state.due

create or replace function watchpost.alert_action(alert watchpost.alert) returns text
language sql immutable
return case
  when alert.withdrawn_at is not null or alert.state in ('confirmed', 'dismissed') then 'resolve'
  when alert.state = 'acknowledged' then 'acknowledge'
  else 'trigger'
end;

comment on function watchpost.alert_action(watchpost.alert) is 'What an incident is to be about an alert, as it is now: trigger, acknowledge or resolve.';


create or replace function watchpost.emit_state_due(alerts uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'state.due', n.alert_id,
    jsonb_build_object('endpoint_id', n.endpoint_id, 'alert_id', n.alert_id, 'notification_id', n.id),
    watchpost.subscribers('state.due')
  from watchpost.notification as n
  join watchpost.endpoint as e on e.id = n.endpoint_id
  where n.alert_id = any (alerts) and e.kind = 'pagerduty' and e.enabled and n.state in ('due', 'delivered');
end;
$$;

comment on function watchpost.emit_state_due(uuid[]) is 'One state.due for each endpoint that follows one of these alerts and was told of it, or is about to be.';


create or replace function watchpost.follow_alerts() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  changed uuid[];
begin
  -- Asked first: every sighting of somebody changes their alert.
  if exists (select from watchpost.endpoint as e where e.kind = 'pagerduty' and e.enabled) then
    select array_agg(n.id) into changed
    from new_rows as n
    join old_rows as o on o.id = n.id
    where watchpost.alert_action(n::watchpost.alert) <> watchpost.alert_action(o::watchpost.alert);
    if changed is not null then
      perform watchpost.emit_state_due(changed);
    end if;
  end if;
  return null;
end;
$$;

comment on function watchpost.follow_alerts() is 'state.due for alerts that were acknowledged, decided, withdrawn or reopened.';

create or replace trigger alert_follow after update on watchpost.alert
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.follow_alerts();


-- An alert that was acknowledged before its message had arrived. Locked, so that either this sees what was decided, or the one
-- who decides sees that it has arrived.
create or replace function watchpost.follow_delivered() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  behind uuid;
begin
  select a.id into behind
  from watchpost.alert as a
  join watchpost.endpoint as e on e.id = new.endpoint_id and e.kind = 'pagerduty'
  where a.id = new.alert_id and watchpost.alert_action(a) <> 'trigger'
  for share of a;
  if found then
    perform watchpost.emit_state_due(array[behind]);
  end if;
  return null;
end;
$$;

comment on function watchpost.follow_delivered() is 'state.due for an alert that was acknowledged, decided or withdrawn before its message had arrived.';

create or replace trigger notification_follow after update of state on watchpost.notification
for each row when (new.state = 'delivered' and old.state = 'due') execute function watchpost.follow_delivered();


create or replace function watchpost.state_message(notification uuid) returns json
language plpgsql stable
as $$
begin
  return (
    select json_build_object(
      'type', 'alert.state', 'timestamp', watchpost.utc(clock_timestamp()),
      'data', (watchpost.alert_message(a.id) -> 'data')::jsonb || jsonb_build_object('action', watchpost.alert_action(a))
    )
    from watchpost.notification as n
    join watchpost.alert as a on a.id = n.alert_id
    where n.id = state_message.notification and n.state = 'delivered'
  );
end;
$$;

comment on function watchpost.state_message(uuid) is 'The message that says what has become of an alert, as it is now; null: the first message has not arrived.';
