-- Escalating: nobody has acknowledged an alert, so the endpoint of the next step is told.
--
-- emits alert.escalated, watchlist.paging_changed; notification.due by what it writes

-- When an alert was told of first: at once, or with a summary. Null: it is held back.
create or replace function watchpost.told_at(alert watchpost.alert) returns timestamptz
language sql stable
begin atomic
  select case
    when exists (select from watchpost.notification as n where n.alert_id = (told_at.alert).id and n.because = 'raised')
      or not exists (select from watchpost.paging_held as h where h.alert_id = (told_at.alert).id)
      then (told_at.alert).created_at
    else (select min(h.released_at) from watchpost.paging_held as h where h.alert_id = (told_at.alert).id)
  end;
end;

comment on function watchpost.told_at(watchpost.alert) is 'From when on somebody could have acknowledged an alert: when it was raised, or summed up; null: it is held back.';


create or replace function watchpost.page_alerts() returns text
language plpgsql
as $$
declare
  released integer := watchpost.release_held();
  behind integer := watchpost.note_home();
  escalated integer;
begin
  with due as materialized (
    select a.id as alert_id, s.step, s.endpoint_id
    from watchpost.paging as p
    join watchpost.watchlist as w on w.id = p.watchlist_id
    join watchpost.paging_step as s on s.watchlist_id = p.watchlist_id
    join watchpost.alert as a
      on a.watchlist_id = p.watchlist_id
      and a.state = 'open'
      and a.withdrawn_at is null
      and a.created_at >= p.set_at
      and a.created_at + p.escalate_after * s.step <= clock_timestamp()
    where (not a.retroactive or w.page_retroactive)
      and not exists (select from watchpost.escalation as x where x.alert_id = a.id and x.step = s.step)
      and watchpost.told_at(a) + p.escalate_after * s.step <= clock_timestamp()
      and not watchpost.is_quiet_for(p.watchlist_id, a.severity)
    for update of a skip locked
  ),
  made as (
    insert into watchpost.escalation (alert_id, step, endpoint_id)
    select d.alert_id, d.step, d.endpoint_id from due as d
    returning alert_id, step, endpoint_id
  ),
  told as (
    insert into watchpost.notification (alert_id, endpoint_id, message, because)
    select m.alert_id, e.id, watchpost.escalated_message(m.alert_id, m.step), 'escalated'
    from made as m
    join watchpost.endpoint as e on e.id = m.endpoint_id and e.enabled
    on conflict do nothing
  )
  select count(*) into escalated from made;
  return format('%s summaries, %s escalations, %s brokers behind', released, escalated, behind);
end;
$$;

comment on function watchpost.page_alerts() is 'Sums up what was held back and may be told now, escalates what nobody has acknowledged, and notes which brokers are behind. Done by the upkeep task paging.';


create or replace function watchpost.escalated_message(alert uuid, step smallint) returns json
language plpgsql stable
as $$
declare
  message jsonb := watchpost.alert_message(alert)::jsonb;
begin
  return message || jsonb_build_object(
    'type', 'alert.escalated', 'data', message -> 'data' || jsonb_build_object('step', escalated_message.step)
  );
end;
$$;

comment on function watchpost.escalated_message is 'The message about an alert that nobody has acknowledged.';


create or replace function watchpost.emit_escalated() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'alert.escalated', x.alert_id,
    jsonb_build_object(
      'alert_id', x.alert_id, 'person_id', a.person_id, 'watchlist_id', a.watchlist_id,
      'endpoint_id', x.endpoint_id, 'step', x.step
    ),
    s.tasks
  from new_rows as x
  join watchpost.alert as a on a.id = x.alert_id
  cross join (select watchpost.subscribers('alert.escalated') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_escalated() is 'One alert.escalated for each step that an alert has come to.';

create or replace trigger escalation_emit after insert on watchpost.escalation
referencing new table as new_rows
for each statement execute function watchpost.emit_escalated();

-- paging --------------------------------------------------------------------------------------------------------------

create or replace function watchpost.paging_of(list uuid) returns jsonb
language sql stable
begin atomic
  select jsonb_build_object(
    'time_zone', p.time_zone,
    'critical_pierces', p.critical_pierces,
    'at_most', p.at_most,
    'within_seconds', extract(epoch from p.within)::float8,
    'escalate_after_seconds', extract(epoch from p.escalate_after)::float8,
    'quiet', coalesce(
      (
        select jsonb_agg(
          jsonb_build_object(
            'days', q.days, 'begins', to_char(q.begins, 'HH24:MI'), 'ends', to_char(q.ends, 'HH24:MI')
          )
          order by q.begins, q.days
        )
        from watchpost.paging_quiet as q
        where q.watchlist_id = p.watchlist_id
      ),
      '[]'
    ),
    'steps', coalesce(
      (
        select jsonb_agg(e.name order by s.step)
        from watchpost.paging_step as s
        join watchpost.endpoint as e on e.id = s.endpoint_id
        where s.watchlist_id = p.watchlist_id
      ),
      '[]'
    )
  )
  from watchpost.paging as p
  where p.watchlist_id = paging_of.list;
end;

comment on function watchpost.paging_of(uuid) is 'How the alerts of a list are sent, as the API has it; null: at once.';


create or replace function watchpost.emit_paging_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  lists uuid[];
begin
  if tg_op = 'DELETE' then
    lists := array(select distinct o.watchlist_id from old_rows as o);
  else
    lists := array(select distinct n.watchlist_id from new_rows as n);
  end if;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'watchlist.paging_changed', w.id,
    jsonb_build_object('watchlist_id', w.id, 'paging', watchpost.paging_of(w.id), 'by', watchpost.actor()),
    watchpost.subscribers('watchlist.paging_changed')
  from watchpost.watchlist as w
  where w.id = any (lists);
  return null;
end;
$$;

comment on function watchpost.emit_paging_changed() is 'watchlist.paging_changed for lists whose quiet hours, rate or escalation were changed by a statement, with what holds then.';

do $$
declare
  item record;
begin
  for item in
    select t.relation, c.command, c.rows
    from unnest('{paging,paging_quiet,paging_step}'::text[]) as t (relation)
    cross join (
      values
        ('insert', 'new table as new_rows'),
        ('update', 'new table as new_rows'),
        ('delete', 'old table as old_rows')
    ) as c (command, rows)
  loop
    execute format(
      'create or replace trigger %1$s_%2$s after %2$s on watchpost.%1$s referencing %3$s
       for each statement execute function watchpost.emit_paging_changed()',
      item.relation, item.command, item.rows
    );
  end loop;
end;
$$;
