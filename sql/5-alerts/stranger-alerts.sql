-- Alerts about people who are on no list. Found at intervals by the upkeep task stranger_alerts, because it takes some looks
-- to say that somebody is nobody.
--
-- writes stranger_alert · emits unknown.seen, stranger.returned, and alarm.due for endpoints. What becomes of them:
-- stranger-reviews.sql.

-- finding -------------------------------------------------------------------------------------------------------------

-- By when the track was made, not by when it began: a worker that is behind has not seen the rest of it. A track that is
-- near enough to somebody, and only too poor, too short or outranked, is not nobody.
create or replace function watchpost.unknown_tracks(rule watchpost.stranger_rule, moment timestamptz)
returns table (camera_id uuid, face_id uuid, seen_at timestamptz)
language plpgsql stable
as $$
begin
  return query
  select t.camera_id, t.face_id, t.began_at
  from watchpost.camera as c
  join watchpost.track as t on t.camera_id = c.id and t.began_at > moment - interval '1 hour'
  where c.site_id = rule.site_id
    and (rule.cameras is null or c.id = any (rule.cameras))
    and t.created_at <= moment - rule.wait
    and greatest(t.ended_at, t.created_at) > moment - interval '15 minutes'
    and t.face_id is not null
    and t.looks >= rule.min_looks
    and t.quality >= rule.min_quality
    and watchpost.is_scheduled(t.began_at, rule.time_zone, rule.days, rule.from_time, rule.until_time)
    and exists (
      select
      from watchpost.search as s
      where s.face_id = t.face_id
        and s.superseded_at is null
        and (s.outcome in ('nobody', 'below_threshold', 'cannot_link') or s.outcome = 'match' and rule.known_on is not null)
    )
    and not exists (
      select
      from watchpost.match as m
      where m.face_id = t.face_id
        and m.superseded_at is null
        and (rule.known_on is null or m.watchlist_id = any (rule.known_on))
    )
    -- By another face, if the best one was another one then, or two tracks were joined since.
    and not exists (
      select
      from watchpost.face as f
      join watchpost.stranger_alert as a on a.face_id = f.id and a.rule_id = rule.id
      where f.track_id = t.id
    )
    -- By a face that was deleted since.
    and not exists (
      select
      from watchpost.stranger_alert as a
      where a.rule_id = rule.id
        and a.camera_id = t.camera_id
        and a.face_id is null
        and a.seen_at between t.began_at - c.track_gap and t.ended_at
    );
end;
$$;

comment on function watchpost.unknown_tracks is 'Tracks of the last hour that a rule without visits is about, and that it has not raised an alert for.';


-- Visits as stranger_visit counts them, of the cameras of the rule alone.
create or replace function watchpost.returned_strangers(rule watchpost.stranger_rule, moment timestamptz)
returns table (camera_id uuid, face_id uuid, seen_at timestamptz, stranger_id uuid, visits integer)
language plpgsql stable
as $$
begin
  return query
  with here as materialized (
    select distinct f.stranger_id
    from watchpost.stranger_face as f
    join watchpost.stranger as s on s.id = f.stranger_id and s.person_id is null
    where f.seen_at > moment - interval '1 hour'
  ),
  seen as (
    select
      f.stranger_id, f.face_id, f.seen_at, f.norm, i.camera_id,
      (f.seen_at - lag(f.seen_at) over (partition by f.stranger_id order by f.seen_at, f.face_id) < u.visit_gap) is not true as begins
    from here as h
    join watchpost.stranger_face as f on f.stranger_id = h.stranger_id and f.seen_at > moment - rule.within
    join watchpost.face as k on k.id = f.face_id
    join watchpost.image as i on i.id = k.image_id and i.site_id = rule.site_id
    cross join watchpost.stranger_setting as u
    where i.camera_id is not null and (rule.cameras is null or i.camera_id = any (rule.cameras))
  ),
  numbered as (
    select s.*, count(*) filter (where s.begins) over (partition by s.stranger_id order by s.seen_at, s.face_id) as visit
    from seen as s
  ),
  latest as (
    select
      n.stranger_id, max(n.visit)::integer as visits, min(n.seen_at) as began_at, max(n.seen_at) as ended_at,
      (array_agg(n.face_id order by n.norm desc, n.face_id))[1] as face_id,
      (array_agg(n.camera_id order by n.norm desc, n.face_id))[1] as camera_id
    from numbered as n
    where n.visit = (select max(o.visit) from numbered as o where o.stranger_id = n.stranger_id)
    group by n.stranger_id
  )
  select l.camera_id, l.face_id, l.began_at, l.stranger_id, l.visits
  from latest as l
  cross join watchpost.stranger_setting as u
  where l.visits >= rule.visits
    and l.ended_at > moment - interval '1 hour'
    and watchpost.is_scheduled(l.began_at, rule.time_zone, rule.days, rule.from_time, rule.until_time)
    and not exists (
      select
      from watchpost.stranger_alert as a
      join watchpost.stranger as s on s.id = a.stranger_id
      where a.rule_id = rule.id and coalesce(s.merged_into, s.id) = l.stranger_id and a.seen_at > l.began_at - u.visit_gap
    );
end;
$$;

comment on function watchpost.returned_strangers is 'Strangers whose latest visit, of the last hour, is one that a rule with visits is about, and that it has not raised an alert for.';


create or replace function watchpost.raise_stranger_alerts(moment timestamptz default clock_timestamp()) returns text
language plpgsql
as $$
declare
  rule watchpost.stranger_rule;
  raised integer := 0;
  more integer;
begin
  for rule in select r.* from watchpost.stranger_rule as r where r.enabled order by r.id loop
    if rule.visits is null then
      insert into watchpost.stranger_alert (rule_id, camera_id, face_id, seen_at)
      select rule.id, t.camera_id, t.face_id, t.seen_at from watchpost.unknown_tracks(rule, moment) as t
      on conflict do nothing;
    else
      insert into watchpost.stranger_alert (rule_id, camera_id, face_id, seen_at, stranger_id, visits)
      select rule.id, s.camera_id, s.face_id, s.seen_at, s.stranger_id, least(s.visits, 32767)
      from watchpost.returned_strangers(rule, moment) as s
      on conflict do nothing;
    end if;
    get diagnostics more = row_count;
    raised := raised + more;
  end loop;
  return format('%s alerts raised', raised);
end;
$$;

comment on function watchpost.raise_stranger_alerts is 'Raises the alerts about people on no list that are due; returns how many. Done by the upkeep task stranger_alerts.';

-- telling -------------------------------------------------------------------------------------------------------------

create or replace view watchpost.stranger_alert_detail with (security_invoker = true) as
select
  a.id as stranger_alert_id,
  case when a.visits is null then 'unknown.seen' else 'stranger.returned' end as kind,
  a.rule_id,
  r.name as rule,
  r.severity,
  a.camera_id,
  k.name as camera,
  k.location,
  a.seen_at,
  a.raised_at,
  a.visits,
  known.id as stranger_id,
  f.track_id,
  t.ended_at,
  a.face_id,
  f.image_id,
  a.acknowledged_at,
  a.acknowledged_by,
  a.decision,
  a.decided_at,
  a.decided_by,
  a.note,
  p.id as person_id,
  p.name as person
from watchpost.stranger_alert as a
join watchpost.stranger_rule as r on r.id = a.rule_id
left join watchpost.camera_place as k on k.camera_id = a.camera_id and k.during @> a.seen_at
left join watchpost.stranger_face as g on g.face_id = a.face_id
left join watchpost.stranger as s on s.id = coalesce(a.stranger_id, g.stranger_id)
left join watchpost.stranger as known on known.id = coalesce(s.merged_into, s.id)
left join watchpost.person as p on p.id = known.person_id
left join watchpost.face as f on f.id = a.face_id
left join watchpost.track as t on t.id = f.track_id;

comment on view   watchpost.stranger_alert_detail          is 'Alerts about people on no list, with the rule, and where the camera was then.';
comment on column watchpost.stranger_alert_detail.kind     is 'unknown.seen or stranger.returned.';
comment on column watchpost.stranger_alert_detail.stranger_id is 'The stranger who has returned, or whom the face was grouped with since; null: none.';
comment on column watchpost.stranger_alert_detail.person_id is 'Whom the stranger was enrolled as since; null: nobody.';
comment on column watchpost.stranger_alert_detail.track_id is 'The passage; null: the face is of a single photo, or was deleted.';
comment on column watchpost.stranger_alert_detail.ended_at is 'When the track ended, or how far it has come.';


create or replace function watchpost.emit_stranger_alert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  with facts as materialized (
    select
      d.kind, d.stranger_alert_id, d.image_id, d.severity, r.site_id,
      jsonb_strip_nulls(jsonb_build_object(
        'stranger_alert_id', d.stranger_alert_id, 'rule_id', d.rule_id, 'rule', d.rule, 'severity', d.severity,
        'camera_id', d.camera_id, 'camera', d.camera, 'location', d.location, 'image_id', d.image_id, 'face_id', d.face_id,
        'track_id', d.track_id, 'stranger_id', d.stranger_id, 'visits', d.visits, 'seen_at', watchpost.utc(d.seen_at)
      )) as payload
    from new_rows as n
    join watchpost.stranger_alert_detail as d on d.stranger_alert_id = n.id
    join watchpost.stranger_rule as r on r.id = n.rule_id
  ),
  told as (
    insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
    select f.kind, f.stranger_alert_id, f.image_id, f.payload, watchpost.subscribers(f.kind)
    from facts as f
  )
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'alarm.due', f.stranger_alert_id,
    jsonb_build_object(
      'endpoint_id', e.id, 'type', f.kind,
      'alarm', f.payload || jsonb_build_object(
        'alarm_id', f.stranger_alert_id, 'since', f.payload -> 'seen_at',
        'crop', '/v1/faces/' || (f.payload ->> 'face_id') || '/crop'
      )
    ),
    watchpost.subscribers('alarm.due')
  from facts as f
  join watchpost.endpoint as e
    on e.enabled
    and e.sends in ('alerts', 'both')
    and (e.site_id is null or e.site_id = f.site_id)
    and watchpost.severity_rank(f.severity) >= watchpost.severity_rank(e.min_severity)
    and not exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = e.id);
  return null;
end;
$$;

comment on function watchpost.emit_stranger_alert() is 'For each alert about somebody on no list its event, and one alarm.due for each endpoint that is told of alerts of all lists.';

create or replace trigger stranger_alert_emit after insert on watchpost.stranger_alert
referencing new table as new_rows
for each statement execute function watchpost.emit_stranger_alert();
