-- Summaries: what quiet hours or the rate of a list have held back, in one message.
--
-- consumes summary.due · writes delivery · emits summary.due, alert.held

create or replace function watchpost.is_quiet(list uuid, moment timestamptz) returns boolean
language sql stable
begin atomic
  select exists (
    select
    from watchpost.paging as p
    join watchpost.paging_quiet as q on q.watchlist_id = p.watchlist_id
    where p.watchlist_id = is_quiet.list
      and watchpost.is_scheduled(is_quiet.moment, p.time_zone, q.days, q.begins, q.ends)
  );
end;

comment on function watchpost.is_quiet is 'Whether a list has quiet hours at that moment.';


create or replace function watchpost.is_quiet_for(list uuid, severity text) returns boolean
language sql stable
begin atomic
  select watchpost.is_quiet(is_quiet_for.list, clock_timestamp())
    and not exists (
      select from watchpost.paging as p
      where p.watchlist_id = is_quiet_for.list and p.critical_pierces and is_quiet_for.severity = 'critical'
    );
end;

comment on function watchpost.is_quiet_for is 'Whether alerts of a list and of this severity are held back by quiet hours now.';


-- Of a summary the alerts have one time of release.
create or replace function watchpost.messages_within(list uuid, endpoint uuid, within interval) returns integer
language sql stable
begin atomic
  select (
    (
      select count(*)
      from watchpost.notification as n
      join watchpost.alert as a on a.id = n.alert_id
      where n.endpoint_id = messages_within.endpoint
        and n.id >= watchpost.uuidv7_at(clock_timestamp() - messages_within.within)
        and n.created_at > clock_timestamp() - messages_within.within
        and a.watchlist_id = messages_within.list
    ) + (
      select count(distinct h.released_at)
      from watchpost.paging_held as h
      where h.endpoint_id = messages_within.endpoint and h.watchlist_id = messages_within.list
        and h.released_at > clock_timestamp() - messages_within.within
    )
  )::integer;
end;

comment on function watchpost.messages_within is 'How many messages about the alerts of a list were written for an endpoint lately, summaries among them.';


create or replace function watchpost.emit_alert_held() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'alert.held', h.alert_id,
    jsonb_build_object(
      'alert_id', h.alert_id, 'endpoint_id', h.endpoint_id, 'watchlist_id', h.watchlist_id, 'because', h.because
    ),
    s.tasks
  from new_rows as h
  cross join (select watchpost.subscribers('alert.held') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_alert_held() is 'One alert.held for each alert that an endpoint is not told of at once.';

create or replace trigger paging_held_emit after insert on watchpost.paging_held
referencing new table as new_rows
for each statement execute function watchpost.emit_alert_held();


create or replace function watchpost.release_held() returns integer
language plpgsql
as $$
declare
  held record;
  moment timestamptz;
  released integer := 0;
begin
  for held in
    select h.watchlist_id, h.endpoint_id, p.at_most, p.within
    from (
      select distinct g.watchlist_id, g.endpoint_id from watchpost.paging_held as g where g.released_at is null
    ) as h
    left join watchpost.paging as p on p.watchlist_id = h.watchlist_id
    where not watchpost.is_quiet(h.watchlist_id, clock_timestamp())
    order by h.watchlist_id, h.endpoint_id
  loop
    if watchpost.messages_within(held.watchlist_id, held.endpoint_id, held.within) >= held.at_most then
      continue;
    end if;
    moment := clock_timestamp();
    update watchpost.paging_held as h
    set released_at = moment
    where h.watchlist_id = held.watchlist_id and h.endpoint_id = held.endpoint_id and h.released_at is null;
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'summary.due', held.watchlist_id,
      jsonb_build_object('endpoint_id', e.id, 'watchlist_id', held.watchlist_id, 'released_at', moment),
      watchpost.subscribers('summary.due')
    from watchpost.endpoint as e
    where e.id = held.endpoint_id and e.enabled;
    released := released + 1;
  end loop;
  return released;
end;
$$;

comment on function watchpost.release_held() is 'Part of page_alerts: one summary.due for each list and endpoint whose quiet hours are over and whose rate allows a message; returns how many.';


-- Of what was withdrawn or dismissed meanwhile nobody is told. Made when it is sent, so that no event has names.
create or replace function watchpost.summary_message(endpoint uuid, list uuid, moment timestamptz) returns json
language plpgsql stable
as $$
begin
  return (
    with held as materialized (
      select d.*, h.because
      from watchpost.paging_held as h
      join watchpost.alert_detail as d on d.id = h.alert_id
      where h.endpoint_id = summary_message.endpoint and h.watchlist_id = summary_message.list
        and h.released_at = summary_message.moment
        and d.withdrawn_at is null and d.state <> 'dismissed'
    ),
    people as materialized (
      select h.person, row_number() over (order by max(h.last_seen) desc, h.person) as place
      from held as h
      group by h.person_id, h.person
    )
    select json_build_object(
      'type', 'alerts.held',
      'timestamp', watchpost.utc(summary_message.moment),
      'data', json_build_object(
        'watchlist', min(h.watchlist),
        'watchlist_id', summary_message.list,
        'count', count(*),
        'because', case when bool_or(h.because = 'quiet') then 'quiet' else 'rate' end,
        'severity', (array_agg(h.severity order by watchpost.severity_rank(h.severity) desc))[1],
        'from', watchpost.utc(min(h.first_seen)),
        'until', watchpost.utc(max(h.last_seen)),
        'people', (select json_agg(p.person order by p.place) from people as p where p.place <= 10),
        'more', (select greatest(count(*) - 10, 0) from people),
        'alert_ids', (array_agg(h.id order by h.id desc))[:100]
      )
    )
    from held as h
    having count(*) > 0
  );
end;
$$;

comment on function watchpost.summary_message is 'The message that sums up what was held back and released at one moment; null: nothing of it stands.';
