-- Alarms: what the operator of the machines has to know of. A camera sends nothing, events wait too long, a worker has died, a
-- transaction holds vacuum back. The upkeep task alarms raises and ends them; each is an event, and a message to the endpoints
-- that are told of alarms.
-- They are found at intervals, and told of by the task alarms as heads are.
--
-- consumes alarm.due · writes alarm, delivery · emits camera.silent, camera.back, backlog.old, backlog.done, worker.back,
-- vacuum.held, vacuum.free, alarm.due; rescue() emits worker.lost

create or replace function watchpost.alarm_after(of_kind text) returns interval
language plpgsql stable
as $$
begin
  return (select r.after from watchpost.alarm_rule as r where r.kind = of_kind);
end;
$$;

comment on function watchpost.alarm_after(text) is 'alarm_rule.after of a kind of alarm; null: it is never raised.';


-- Of the events that wait only the live ones: those of the past are meant to wait.
create or replace function watchpost.find_alarms() returns table (
  kind text, subject text, camera_id uuid, site_id uuid, since timestamptz, details jsonb
)
language plpgsql stable
as $$
begin
  return query
  select
    'camera.silent', c.camera_id::text, c.camera_id, c.site_id, c.last_image_at,
    jsonb_build_object(
      'camera', c.name, 'site', c.site, 'last_image_at', watchpost.utc(c.last_image_at),
      'silent_after_seconds', extract(epoch from c.silent_after)::bigint
    )
  from watchpost.camera_silence as c
  where c.silent_after is not null and c.last_image_at < clock_timestamp() - c.silent_after
  union all
  select
    'backlog.old', w.task, null, null, watchpost.uuidv7_time(w.oldest),
    jsonb_build_object('task', w.task, 'waiting', w.waiting)
  from (
    select q.task, min(q.oldest)::uuid as oldest, sum(q.waiting) as waiting
    from (
      select o.task, min(o.event_id::text collate "C") filter (where o.source <> 'again') as oldest, count(*) as waiting
      from watchpost.outbox as o
      group by o.task
      union all
      select c.task, min(c.events[1]::text collate "C"), sum(cardinality(c.events))
      from watchpost.claim as c
      where c.worker_id is null
      group by c.task
    ) as q
    where exists (select from watchpost.subscription as s where s.task = q.task and s.priority <= 0)
      and not exists (select from watchpost.task_pause as p where p.task = q.task)
    group by q.task
  ) as w
  where watchpost.uuidv7_time(w.oldest) < clock_timestamp() - watchpost.alarm_after('backlog.old')
  union all
  -- Until it is back, another one was started in its place, or the time of the rule is over.
  select
    'worker.lost', w.id::text, null, null, w.last_seen,
    jsonb_build_object('worker_id', w.id, 'host', w.host, 'pid', w.pid)
  from watchpost.worker as w
  where w.lost_at > clock_timestamp() - watchpost.alarm_after('worker.lost')
    and w.stopped_at is null
    and w.concurrency > 0
    and not exists (
      select from watchpost.worker as other where other.started_at > w.last_seen and other.concurrency > 0 and other.lost_at is null
    )
  union all
  select
    'vacuum.held', h.subject, null, null, coalesce(h.since, clock_timestamp()),
    jsonb_build_object('found', h.found, 'remedy', h.remedy)
  from watchpost.vacuum_holder as h
  where h.since < clock_timestamp() - watchpost.alarm_after('vacuum.held')
    or (h.since is null and h.transactions >= 1000000 and watchpost.alarm_after('vacuum.held') is not null);
end;
$$;

comment on function watchpost.find_alarms() is 'What there is to be alarmed of at this moment, with its owner''s eyes.';


create or replace function watchpost.raise_alarms() returns text
language plpgsql
as $$
declare
  raised integer;
  ended integer;
begin
  with found as materialized (
    select f.* from watchpost.find_alarms() as f
  ),
  over as (
    update watchpost.alarm as a
    set until = clock_timestamp()
    where a.until is null and not exists (select from found as f where f.kind = a.kind and f.subject = a.subject)
    returning a.id
  ),
  new as (
    insert into watchpost.alarm (kind, subject, camera_id, site_id, since, details)
    select f.kind, f.subject, f.camera_id, f.site_id, f.since, f.details
    from found as f
    on conflict (kind, subject) where until is null do nothing
    returning id
  )
  select (select count(*) from new), (select count(*) from over) into raised, ended;
  return format('%s alarms raised, %s ended', raised, ended);
end;
$$;

comment on function watchpost.raise_alarms() is 'Raises the alarms that are due and ends those that are over; returns how many. Done by the upkeep task alarms.';


create or replace function watchpost.alarm_topic(kind text, is_over boolean) returns text
language sql immutable
return case
  when not is_over then kind
  else case kind
    when 'camera.silent' then 'camera.back'
    when 'backlog.old' then 'backlog.done'
    when 'worker.lost' then 'worker.back'
    when 'vacuum.held' then 'vacuum.free'
  end
end;

comment on function watchpost.alarm_topic is 'The topic of the event that an alarm begins or ends with; also the type of its message.';


create or replace function watchpost.emit_alarm() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  with changed as materialized (
    select
      watchpost.alarm_topic(a.kind, a.until is not null) as topic,
      a.*,
      jsonb_strip_nulls(jsonb_build_object(
        'alarm_id', a.id, 'kind', a.kind, 'subject', a.subject, 'camera_id', a.camera_id, 'since', watchpost.utc(a.since),
        'until', watchpost.utc(a.until)
      )) || a.details as facts
    from new_rows as a
  ),
  told as (
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select c.topic, c.id, c.facts, watchpost.subscribers(c.topic)
    from changed as c
    -- rescue() has written it.
    where c.topic <> 'worker.lost'
  )
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'alarm.due', c.id,
    jsonb_build_object('endpoint_id', e.id, 'type', c.topic, 'alarm', c.facts),
    watchpost.subscribers('alarm.due')
  from changed as c
  join watchpost.endpoint as e
    on e.enabled and e.sends in ('alarms', 'both') and (e.site_id is null or e.site_id = c.site_id);
  return null;
end;
$$;

comment on function watchpost.emit_alarm() is 'For each alarm that begins or ends its event, and one alarm.due for each endpoint that is told of it.';

create or replace trigger alarm_emit_begin after insert on watchpost.alarm
referencing new table as new_rows
for each statement execute function watchpost.emit_alarm();

create or replace trigger alarm_emit_end after update on watchpost.alarm
referencing new table as new_rows
for each statement execute function watchpost.emit_alarm();
