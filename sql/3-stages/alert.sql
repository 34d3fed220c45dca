-- Alerting: sightings become episodes, one alert for a person at a place, with any number of frames, workers and orders
-- of arrival.
--
-- consumes match.found · writes alert, alert_match · emits alert.raised, which notify consumes

-- The people are locked first, as merging them does, then the matches, then their episodes in the order of person, list
-- and place: two transactions that take each kind of lock in one order cannot deadlock. Their photos too, so that none is
-- deleted while it becomes evidence.
create or replace function watchpost.write_alerts(passed uuid[], events uuid[], matches uuid[]) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  sighting record;
  standing uuid[];
  written integer := 0;
begin
  perform
  from watchpost.person as p
  where p.id = any (array(select m.person_id from watchpost.match as m where m.id = any (matches)))
  order by p.id
  for key share;
  select array_agg(l.id) into standing
  from (
    select m.id
    from unnest(events, matches) as f (event_id, match_id)
    join watchpost.match as m on m.id = f.match_id and m.superseded_at is null
    join watchpost.image as i on i.id = m.image_id
    where f.event_id = any (passed)
    order by m.id
    for key share of i for share of m
  ) as l;
  for sighting in
    select m.id
    from watchpost.match as m
    join watchpost.image as i on i.id = m.image_id
    where m.id = any (standing)
    order by m.person_id, m.watchlist_id, watchpost.place_of(i.camera_id, i.captured_at), i.captured_at, m.id
  loop
    perform watchpost.raise_alert(sighting.id);
    written := written + 1;
  end loop;
  return written;
end;
$$;

comment on function watchpost.write_alerts is 'alert: opens or extends the episode of each match that stands.';


create or replace function watchpost.keep_episode() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  new.cooldown := coalesce(new.cooldown, (select w.cooldown from watchpost.watchlist as w where w.id = new.watchlist_id));
  new.episode := tstzrange(new.first_seen, new.last_seen + new.cooldown, '[]');
  return new;
end;
$$;

comment on function watchpost.keep_episode() is 'Sets alert.episode from first_seen, last_seen and cooldown.';

create or replace trigger alert_episode before insert or update of first_seen, last_seen, cooldown, episode on watchpost.alert
for each row execute function watchpost.keep_episode();


create or replace function watchpost.lock_episodes(person uuid, watchlist uuid, place text) returns void
language plpgsql
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(concat_ws('|', 'watchpost.alert', person, watchlist, place), 0));
end;
$$;

comment on function watchpost.lock_episodes is 'Lets one transaction at a time open, extend or merge the alerts of a person at a place.';


-- Opens an alert for a match, or extends the one whose episode it falls into. If it connects two episodes, the later
-- alert is merged into the earlier. A live sighting never goes into a retroactive alert, which is not sent to
-- endpoints; a retroactive sighting that falls into a live episode goes into that.
--
-- The sighting of a track lasts from its first frame to its last so far; called again, this extends its alert to that.
--
-- Sightings of one person at one place take turns by the advisory lock, which keeps this simple; the exclusion
-- constraint guarantees one alert. Extending costs the same for the second sighting and the ten thousandth.
create or replace function watchpost.raise_alert(of_match uuid) returns uuid
language plpgsql
as $$
declare
  seen record;
  target record;
  own uuid;
  grown tstzrange;
  joined uuid[];
begin
  -- Locked, so that nobody supersedes the match meanwhile.
  select
    m.person_id, m.watchlist_id, m.face_id, f.track_id, m.similarity, m.retroactive, i.camera_id,
    coalesce(t.began_at, i.captured_at) as began_at, coalesce(t.ended_at, i.captured_at) as ended_at,
    w.cooldown, w.severity, watchpost.place_of(i.camera_id, i.captured_at) as place
  into seen
  from watchpost.match as m
  join watchpost.image as i on i.id = m.image_id
  join watchpost.watchlist as w on w.id = m.watchlist_id
  join watchpost.face as f on f.id = m.face_id
  left join watchpost.track as t on t.id = f.track_id
  where m.id = of_match and m.superseded_at is null
  for share of m;
  if not found then
    return null;
  end if;

  perform watchpost.lock_episodes(seen.person_id, seen.watchlist_id, seen.place);

  if seen.track_id is not null then
    own := coalesce(
      (select am.alert_id from watchpost.alert_match as am where am.match_id = of_match), watchpost.resume_alert(of_match)
    );
  end if;

  select a.id, a.retroactive, a.episode, a.cooldown into target
  from watchpost.alert as a
  where own is null
    and a.person_id = seen.person_id
    and a.watchlist_id = seen.watchlist_id
    and a.place = seen.place
    and a.withdrawn_at is null
    and a.episode && tstzrange(seen.began_at, seen.ended_at + seen.cooldown, '[]')
    and (seen.retroactive or not a.retroactive)
  order by a.retroactive, a.first_seen
  limit 1
  for no key update;
  if own is not null then
    select a.id, a.retroactive, a.episode, a.cooldown into target from watchpost.alert as a where a.id = own for no key update;
  end if;

  if target.id is null then
    insert into watchpost.alert as a (
      person_id, watchlist_id, camera_id, place, severity, best_match_id, similarity,
      first_seen, last_seen, cooldown, retroactive
    )
    values (
      seen.person_id, seen.watchlist_id, seen.camera_id, seen.place, seen.severity, of_match, seen.similarity,
      seen.began_at, seen.ended_at, seen.cooldown, seen.retroactive
    )
    returning a.id into target;
  else
    grown := range_merge(target.episode, tstzrange(seen.began_at, seen.ended_at + target.cooldown, '[]'));
    -- An episode that grows can overlap another one, and both together a third.
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
    set sightings = a.sightings + (own is null)::integer,
        camera_id = case when seen.ended_at >= a.last_seen then seen.camera_id else a.camera_id end,
        first_seen = least(a.first_seen, seen.began_at),
        last_seen = greatest(a.last_seen, seen.ended_at),
        best_match_id = case when seen.similarity > a.similarity then of_match else a.best_match_id end,
        similarity = greatest(a.similarity, seen.similarity)
    where a.id = target.id;
  end if;

  if own is null then
    insert into watchpost.alert_match (match_id, alert_id) values (of_match, target.id);
  end if;
  return target.id;
end;
$$;

comment on function watchpost.raise_alert(uuid) is 'Opens or extends the alert that a match belongs to, and returns its id; null if the match was superseded.';


-- A track that was no match for a while, and is one again, is not reported twice.
create or replace function watchpost.resume_alert(of_match uuid) returns uuid
language plpgsql
as $$
declare
  resumed constant uuid := (
    select a.id
    from watchpost.match as m
    join watchpost.face as f on f.id = m.face_id
    join watchpost.face as o on o.track_id = f.track_id
    join watchpost.match as e
      on e.face_id = o.id and e.person_id = m.person_id and e.watchlist_id = m.watchlist_id
        and e.superseded_because in ('improved', 'joined')
    join watchpost.alert_match as am on am.match_id = e.id
    join watchpost.alert as a on a.id = am.alert_id and a.withdrawn_at is not null and a.merged_into is null
    where m.id = of_match
    order by a.id
    limit 1
  );
begin
  if resumed is not null then
    insert into watchpost.alert_match (match_id, alert_id) values (of_match, resumed);
    perform watchpost.restore_alerts(array[resumed]);
  end if;
  return (select am.alert_id from watchpost.alert_match as am where am.match_id = of_match);
end;
$$;

comment on function watchpost.resume_alert(uuid) is 'Part of raise_alert: gives a match of a track to the alert of an earlier match of the track, which was withdrawn with it, and restores that alert; returns its id. Null: there is none.';


create or replace function watchpost.extend_sightings(tracks uuid[]) returns void
language plpgsql
as $$
declare
  sighting record;
begin
  for sighting in
    select m.id
    from watchpost.track as t
    join watchpost.match as m on m.face_id = t.face_id and m.superseded_at is null
    join watchpost.alert_match as am on am.match_id = m.id
    join watchpost.alert as a on a.id = am.alert_id
    where t.id = any (tracks) and (t.began_at < a.first_seen or t.ended_at > a.last_seen)
    order by m.person_id, m.watchlist_id, a.place, t.began_at, m.id
  loop
    perform watchpost.raise_alert(sighting.id);
  end loop;
end;
$$;

comment on function watchpost.extend_sightings(uuid[]) is 'Extends the alerts of tracks to their first and last frame.';

-- alert.raised --------------------------------------------------------------------------------------------------------

create or replace function watchpost.emit_alert_raised() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'alert.raised', a.id, m.image_id,
    jsonb_build_object(
      'image_id', m.image_id, 'alert_id', a.id, 'person_id', a.person_id, 'watchlist_id', a.watchlist_id,
      'retroactive', a.retroactive
    ),
    (select watchpost.subscribers('alert.raised'))
  from new_rows as a
  join watchpost.match as m on m.id = a.best_match_id;
  return null;
end;
$$;

comment on function watchpost.emit_alert_raised() is 'One alert.raised for each new alert; an alert that is extended makes none.';

create or replace trigger alert_emit after insert on watchpost.alert
referencing new table as new_rows
for each statement execute function watchpost.emit_alert_raised();
