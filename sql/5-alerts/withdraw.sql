-- Recounting and withdrawing alerts whose matches were superseded, and merging alerts whose episodes meet.

-- An alert that has no current match any more is withdrawn and keeps its last figures; it is restored when one of its
-- matches is.
create or replace function watchpost.recount_alerts(alerts uuid[]) returns void
language plpgsql
as $$
declare
  withdrawn uuid[];
  restored uuid[];
begin
  -- Waits for a transaction that is extending one of them, so that its match is counted.
  perform from watchpost.alert as a where a.id = any (alerts) order by a.id for no key update;
  withdrawn := array(select a.id from watchpost.alert as a where a.id = any (alerts) and a.withdrawn_at is not null);
  with counted as (
    select
      am.alert_id,
      count(*) as sightings,
      min(coalesce(t.began_at, i.captured_at)) as first_seen,
      max(coalesce(t.ended_at, i.captured_at)) as last_seen,
      (array_agg(i.camera_id order by coalesce(t.ended_at, i.captured_at) desc, m.id desc))[1] as camera_id,
      (array_agg(m.id order by m.similarity desc, m.id))[1] as best_match_id,
      max(m.similarity) as similarity
    from watchpost.alert_match as am
    join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
    join watchpost.image as i on i.id = m.image_id
    join watchpost.face as f on f.id = m.face_id
    left join watchpost.track as t on t.id = f.track_id
    where am.alert_id = any (alerts)
    group by am.alert_id
  ),
  recounted as (
    update watchpost.alert as a
    set sightings = c.sightings,
        first_seen = c.first_seen,
        last_seen = c.last_seen,
        camera_id = c.camera_id,
        best_match_id = c.best_match_id,
        similarity = c.similarity,
        withdrawn_at = null
    from counted as c
    where a.id = c.alert_id
    returning a.id
  )
  select array_agg(r.id) into restored from recounted as r where r.id = any (withdrawn);
  if restored is not null then
    perform watchpost.emit_alerts_restored(restored);
  end if;

  with gone as (
    update watchpost.alert as a
    set withdrawn_at = now()
    where a.id = any (alerts)
      and a.withdrawn_at is null
      and not exists (
        select
        from watchpost.alert_match as am
        join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
        where am.alert_id = a.id
      )
    returning a.id
  )
  select array_agg(g.id) into withdrawn from gone as g;
  if withdrawn is not null then
    perform watchpost.emit_alerts_withdrawn(withdrawn, 'no_match_left');
  end if;
end;
$$;

comment on function watchpost.recount_alerts(uuid[]) is 'Recomputes the figures of alerts from their current matches. Withdraws the alerts that have none, and restores those that have some again.';


create or replace function watchpost.emit_alerts_withdrawn(alerts uuid[], because text) returns void
language sql
begin atomic
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'alert.withdrawn', a.id, m.image_id,
    jsonb_build_object(
      'image_id', m.image_id, 'alert_id', a.id, 'person_id', a.person_id, 'watchlist_id', a.watchlist_id,
      'because', emit_alerts_withdrawn.because, 'merged_into', a.merged_into
    ),
    s.tasks
  from watchpost.alert as a
  left join watchpost.match as m on m.id = a.best_match_id
  cross join (select watchpost.subscribers('alert.withdrawn') as tasks) as s
  where a.id = any (emit_alerts_withdrawn.alerts);
end;

comment on function watchpost.emit_alerts_withdrawn is 'One alert.withdrawn for each: merged, or no_match_left.';


create or replace function watchpost.emit_alerts_restored(alerts uuid[]) returns void
language sql
begin atomic
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'alert.restored', a.id, m.image_id,
    jsonb_build_object(
      'image_id', m.image_id, 'alert_id', a.id, 'person_id', a.person_id, 'watchlist_id', a.watchlist_id
    ),
    s.tasks
  from watchpost.alert as a
  join watchpost.match as m on m.id = a.best_match_id
  cross join (select watchpost.subscribers('alert.restored') as tasks) as s
  where a.id = any (emit_alerts_restored.alerts);
end;

comment on function watchpost.emit_alerts_restored is 'One alert.restored for each.';


-- Many at a time, because two people who are merged may have thousands of alerts that become one.
create or replace function watchpost.absorb_alerts(absorbed uuid[], into_alerts uuid[]) returns void
language plpgsql
as $$
begin
  perform from watchpost.alert as a where a.id = any (absorbed || into_alerts) order by a.id for no key update;
  update watchpost.alert_match as am
  set alert_id = p.into_alert
  from unnest(absorbed, into_alerts) as p (alert_id, into_alert)
  where am.alert_id = p.alert_id;
  update watchpost.alert as a
  set withdrawn_at = now(), merged_into = p.into_alert
  from unnest(absorbed, into_alerts) as p (alert_id, into_alert)
  where a.id = p.alert_id;
  perform watchpost.emit_alerts_withdrawn(absorbed, 'merged');
  perform watchpost.recount_alerts(into_alerts);
end;
$$;

comment on function watchpost.absorb_alerts is 'Moves the matches of each alert into the alert at the same place of the other array, and withdraws the alert.';


create or replace function watchpost.merge_alerts(into_alert uuid, others uuid[]) returns tstzrange
language plpgsql
as $$
begin
  perform watchpost.absorb_alerts(others, array_fill(into_alert, array[cardinality(others)]));
  return (select a.episode from watchpost.alert as a where a.id = into_alert);
end;
$$;

comment on function watchpost.merge_alerts is 'Moves the matches of some alerts into another one and withdraws those alerts; returns the episode of the other.';
