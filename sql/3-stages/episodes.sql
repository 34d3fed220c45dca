-- Sightings become episodes: one alert for a person at a place, however many frames, workers and orders of arrival.

-- In plpgsql, whose plan a session keeps; an SQL function is planned at each call.
create or replace function watchpost.place_of(camera uuid) returns text
language plpgsql stable
as $$
begin
  return coalesce(
    (select coalesce('zone:' || c.zone, 'camera:' || c.name) from watchpost.camera as c where c.id = camera),
    'nowhere'
  );
end;
$$;

comment on function watchpost.place_of(uuid) is 'What makes two sightings the same episode: the zone, else the camera.';


create or replace function watchpost.keep_episode() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.cooldown := coalesce(new.cooldown, (select w.cooldown from watchpost.watchlist as w where w.id = new.watchlist_id));
  new.episode := tstzrange(new.first_seen, new.last_seen + new.cooldown, '[]');
  return new;
end;
$$;

comment on function watchpost.keep_episode() is 'Keeps alert.episode what first_seen, last_seen and cooldown make it.';

create or replace trigger alert_episode before insert or update of first_seen, last_seen, cooldown, episode on watchpost.alert
for each row execute function watchpost.keep_episode();


-- Takes alerts into another one, with their matches; they stay on record, withdrawn.
create or replace function watchpost.merge_alerts(into_alert uuid, others uuid[]) returns tstzrange
language plpgsql
as $$
begin
  perform from watchpost.alert as a where a.id = any (others || into_alert) order by a.id for no key update;
  update watchpost.alert_match as am set alert_id = into_alert where am.alert_id = any (others);
  update watchpost.alert as a set withdrawn_at = now(), merged_into = into_alert where a.id = any (others);
  perform watchpost.tell_withdrawn_alerts(others, 'merged');
  perform watchpost.recount_alerts(array[into_alert]);
  return (select a.episode from watchpost.alert as a where a.id = into_alert);
end;
$$;

comment on function watchpost.merge_alerts is 'Moves the matches of some alerts into another one and withdraws them; returns its episode.';


-- Opens an alert for a match, or extends the one whose episode it falls into; of two episodes that it joins, the earlier
-- takes in the later. A live sighting never disappears in a retroactive alert, which pages nobody: it has its own. A
-- retroactive one that falls into a live episode belongs to it.
--
-- Sightings of one person at one place take turns on the advisory lock, which makes this simple; that there is one alert
-- is what the exclusion constraint guarantees. Extending costs the same for the second sighting and the ten thousandth.
create or replace function watchpost.raise_alert(of_match uuid) returns uuid
language plpgsql
as $$
declare
  seen record;
  target record;
  grown tstzrange;
  joined uuid[];
begin
  -- Locked, so that nobody supersedes the match while it is counted.
  select
    m.person_id, m.watchlist_id, m.similarity, m.retroactive, i.camera_id, i.captured_at,
    w.cooldown, w.severity, watchpost.place_of(i.camera_id) as place
  into seen
  from watchpost.match as m
  join watchpost.image as i on i.id = m.image_id
  join watchpost.watchlist as w on w.id = m.watchlist_id
  where m.id = of_match and m.superseded_at is null
  for share of m;
  if not found then
    return null;
  end if;

  perform pg_advisory_xact_lock(hashtextextended(concat_ws('|', 'watchpost.alert', seen.person_id, seen.watchlist_id, seen.place), 0));

  select a.id, a.retroactive, a.episode, a.cooldown into target
  from watchpost.alert as a
  where a.person_id = seen.person_id
    and a.watchlist_id = seen.watchlist_id
    and a.place = seen.place
    and a.withdrawn_at is null
    and a.episode && tstzrange(seen.captured_at, seen.captured_at + seen.cooldown, '[]')
    and (seen.retroactive or not a.retroactive)
  order by a.retroactive, a.first_seen
  limit 1
  for no key update;

  if not found then
    insert into watchpost.alert as a (
      person_id, watchlist_id, camera_id, place, severity, best_match_id, similarity,
      first_seen, last_seen, cooldown, retroactive
    )
    values (
      seen.person_id, seen.watchlist_id, seen.camera_id, seen.place, seen.severity, of_match, seen.similarity,
      seen.captured_at, seen.captured_at, seen.cooldown, seen.retroactive
    )
    returning a.id into target;
  else
    grown := range_merge(target.episode, tstzrange(seen.captured_at, seen.captured_at + target.cooldown, '[]'));
    -- Only an episode that grows can meet another one, and the two together a third.
    while grown <> target.episode loop
      joined := array(
        select a.id
        from watchpost.alert as a
        where a.person_id = seen.person_id
          and a.watchlist_id = seen.watchlist_id
          and a.place = seen.place
          and a.retroactive = target.retroactive
          and a.withdrawn_at is null
          and a.episode && grown
          and a.id <> target.id
      );
      exit when joined = '{}';
      grown := range_merge(grown, watchpost.merge_alerts(target.id, joined));
    end loop;

    update watchpost.alert as a
    set sightings = a.sightings + 1,
        camera_id = case when seen.captured_at >= a.last_seen then seen.camera_id else a.camera_id end,
        first_seen = least(a.first_seen, seen.captured_at),
        last_seen = greatest(a.last_seen, seen.captured_at),
        best_match_id = case when seen.similarity > a.similarity then of_match else a.best_match_id end,
        similarity = greatest(a.similarity, seen.similarity)
    where a.id = target.id;
  end if;

  insert into watchpost.alert_match (match_id, alert_id) values (of_match, target.id);
  return target.id;
end;
$$;

comment on function watchpost.raise_alert(uuid) is 'Opens or extends the alert that a match belongs to, and returns its id; null if the match does not stand any more.';


-- What extending adds up, counted anew from the matches that stand. An alert that nothing stands behind any more is
-- withdrawn, and keeps its last figures.
create or replace function watchpost.recount_alerts(alerts uuid[]) returns void
language plpgsql
as $$
declare
  withdrawn uuid[];
begin
  -- Whoever extends one of them at this moment is waited for, and then counted.
  perform from watchpost.alert as a where a.id = any (alerts) order by a.id for no key update;
  with counted as (
    select
      am.alert_id,
      count(*) as sightings,
      min(i.captured_at) as first_seen,
      max(i.captured_at) as last_seen,
      (array_agg(i.camera_id order by i.captured_at desc, m.id desc))[1] as camera_id,
      (array_agg(m.id order by m.similarity desc, m.id))[1] as best_match_id,
      max(m.similarity) as similarity
    from watchpost.alert_match as am
    join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
    join watchpost.image as i on i.id = m.image_id
    where am.alert_id = any (alerts)
    group by am.alert_id
  )
  update watchpost.alert as a
  set sightings = c.sightings,
      first_seen = c.first_seen,
      last_seen = c.last_seen,
      camera_id = c.camera_id,
      best_match_id = c.best_match_id,
      similarity = c.similarity
  from counted as c
  where a.id = c.alert_id and a.withdrawn_at is null;

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
    perform watchpost.tell_withdrawn_alerts(withdrawn, 'no_match_left');
  end if;
end;
$$;

comment on function watchpost.recount_alerts(uuid[]) is 'Makes the figures of alerts those of their standing matches, and withdraws the alerts that have none.';


create or replace function watchpost.tell_withdrawn_alerts(alerts uuid[], because text) returns void
language sql
begin atomic
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'alert.withdrawn', a.id, m.image_id,
    jsonb_build_object(
      'image_id', m.image_id, 'alert_id', a.id, 'person_id', a.person_id, 'watchlist_id', a.watchlist_id,
      'because', tell_withdrawn_alerts.because, 'merged_into', a.merged_into
    ),
    s.tasks
  from watchpost.alert as a
  left join watchpost.match as m on m.id = a.best_match_id
  cross join (select watchpost.subscribers('alert.withdrawn') as tasks) as s
  where a.id = any (tell_withdrawn_alerts.alerts);
end;

comment on function watchpost.tell_withdrawn_alerts is 'One alert.withdrawn for each: merged, or no_match_left.';

-- where somebody was --------------------------------------------------------------------------------------------------

create or replace view watchpost.sighting as
select
  m.id as match_id,
  m.person_id,
  p.name as person,
  w.name as watchlist,
  i.captured_at as seen_at,
  k.name as camera,
  k.location,
  k.zone,
  m.similarity,
  m.threshold,
  m.image_id,
  m.face_id,
  am.alert_id,
  m.retroactive
from watchpost.match as m
join watchpost.person as p on p.id = m.person_id
join watchpost.watchlist as w on w.id = m.watchlist_id
join watchpost.image as i on i.id = m.image_id
left join watchpost.camera as k on k.id = i.camera_id
left join watchpost.alert_match as am on am.match_id = m.id
where m.superseded_at is null;

comment on view   watchpost.sighting             is 'Who was seen when and where: one row for each match that stands. A person on two lists has two for a face.';
comment on column watchpost.sighting.retroactive is 'It was found after the fact.';


create or replace view watchpost.last_seen as
select distinct on (s.person_id)
  s.person_id, s.person, s.seen_at, s.camera, s.location, s.zone, s.similarity, s.image_id, s.face_id
from watchpost.sighting as s
order by s.person_id, s.seen_at desc, s.similarity desc;

comment on view watchpost.last_seen is 'The latest known location of each person who was ever seen.';


create or replace function watchpost.track(
  person uuid, since timestamptz default null, until timestamptz default null, apart interval default '30 minutes'
) returns table (
  camera text, location text, zone text, arrived_at timestamptz, left_at timestamptz, sightings bigint, similarity real
)
language sql stable
begin atomic
  with seen as (
    -- A face, not a match: a person on two lists was seen once.
    select distinct on (m.face_id) m.face_id, m.similarity, i.camera_id, i.captured_at
    from watchpost.match as m
    join watchpost.image as i on i.id = m.image_id
    where m.person_id = track.person
      and m.superseded_at is null
      and (track.since is null or i.captured_at >= track.since)
      and (track.until is null or i.captured_at < track.until)
  ),
  stepped as (
    select
      s.*,
      s.camera_id is distinct from lag(s.camera_id) over way
        or s.captured_at > lag(s.captured_at) over way + track.apart
        or lag(s.face_id) over way is null as begins
    from seen as s
    window way as (order by s.captured_at, s.face_id)
  ),
  numbered as (
    select s.*, count(*) filter (where s.begins) over (order by s.captured_at, s.face_id) as stay
    from stepped as s
  )
  select k.name, k.location, k.zone, min(n.captured_at), max(n.captured_at), count(*), max(n.similarity)
  from numbered as n
  left join watchpost.camera as k on k.id = n.camera_id
  group by n.stay, k.id
  order by n.stay;
end;

comment on function watchpost.track is 'The path of a person: each stay before a camera, from the first sighting to the last, oldest first. Sightings further apart than apart are two stays.';
