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
-- Sightings of one person at one place take turns by the advisory lock, which keeps this simple; the exclusion
-- constraint guarantees one alert. Extending costs the same for the second sighting and the ten thousandth.
create or replace function watchpost.raise_alert(of_match uuid) returns uuid
language plpgsql
as $$
declare
  seen record;
  target record;
  grown tstzrange;
  joined uuid[];
begin
  -- Locked, so that nobody supersedes the match meanwhile.
  select
    m.person_id, m.watchlist_id, m.similarity, m.retroactive, i.camera_id, i.captured_at,
    w.cooldown, w.severity, watchpost.place_of(i.camera_id, i.captured_at) as place
  into seen
  from watchpost.match as m
  join watchpost.image as i on i.id = m.image_id
  join watchpost.watchlist as w on w.id = m.watchlist_id
  where m.id = of_match and m.superseded_at is null
  for share of m;
  if not found then
    return null;
  end if;

  perform watchpost.lock_episodes(seen.person_id, seen.watchlist_id, seen.place);

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

comment on function watchpost.raise_alert(uuid) is 'Opens or extends the alert that a match belongs to, and returns its id; null if the match was superseded.';

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
