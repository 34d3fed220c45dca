-- Deleting much, batch by batch: photos of a time or a camera, and what a list or a person leads to. A caller repeats a
-- function until it returns 0, each time in a transaction of its own, so that no lock is held for long; what was
-- interrupted goes on with the next call. src/watchlist/deleting.ts does that, with pauses while photos arrive.
--
-- emits images.deleted, faces.deleted, matches.deleted, alerts.deleted
--
-- The record is not deleted: events, handlings and their seals.

-- A topic about many rows has no subject: with the same key in each of its events they are found by the index.
create or replace function watchpost.topic_key(topic text) returns uuid
language sql immutable parallel safe
return md5(topic)::uuid;

comment on function watchpost.topic_key(text) is 'The subject_id of events that are about no single row.';

-- photos --------------------------------------------------------------------------------------------------------------

create or replace function watchpost.reason_to_keep(image uuid) returns text
language plpgsql stable
as $$
begin
  return case
    when exists (
      select
      from watchpost.match as m
      join watchpost.alert_match as am on am.match_id = m.id
      where m.image_id = reason_to_keep.image
    ) then 'alert'
    when exists (
      select
      from watchpost.face as f
      join watchpost.track as t on t.id = f.track_id
      join watchpost.match as m on m.face_id = t.face_id
      join watchpost.alert_match as am on am.match_id = m.id
      where f.image_id = reason_to_keep.image
    ) then 'alert'
    when exists (
      select from watchpost.person_photo as p where p.image_id = reason_to_keep.image and p.removed_at is null
    ) then 'enrolment'
    when exists (
      select
      from watchpost.face as f
      join watchpost.cannot_link as c on c.face_id = f.id
      where f.image_id = reason_to_keep.image
    ) then 'cannot_link'
  end;
end;
$$;

comment on function watchpost.reason_to_keep(uuid) is 'Why a photo is not to be deleted: alert, an alert rests on it; enrolment, it enrols somebody; cannot_link, a cannot_link names a face of it. Null: it may be.';


-- Not by reason_to_keep(), which asks for one photo at a time.
create or replace function watchpost.count_images(
  until timestamptz, since timestamptz default null, camera uuid default null
) returns table (deletable bigint, in_alerts bigint, enrolling bigint, in_cannot_links bigint)
language plpgsql stable
as $$
begin
  return query
  with kept as (
    select k.image_id, min(k.priority) as priority
    from (
      select m.image_id, 1 as priority
      from watchpost.alert_match as am
      join watchpost.match as m on m.id = am.match_id
      union all
      select f.image_id, 1
      from watchpost.alert_match as am
      join watchpost.match as m on m.id = am.match_id
      join watchpost.track as t on t.face_id = m.face_id
      join watchpost.face as f on f.track_id = t.id
      union all
      select p.image_id, 2 from watchpost.person_photo as p where p.removed_at is null
      union all
      select f.image_id, 3 from watchpost.cannot_link as c join watchpost.face as f on f.id = c.face_id
    ) as k
    group by k.image_id
  )
  select
    count(*) filter (where k.priority is null),
    count(*) filter (where k.priority = 1),
    count(*) filter (where k.priority = 2),
    count(*) filter (where k.priority = 3)
  from watchpost.image as i
  left join kept as k on k.image_id = i.id
  where i.purpose = 'probe'
    and i.captured_at < count_images.until
    and (count_images.since is null or i.captured_at >= count_images.since)
    and (count_images.camera is null or i.camera_id = count_images.camera);
end;
$$;

comment on function watchpost.count_images is 'How many probes of a time and a camera delete_images() would delete, and how many it would keep, by reason_to_keep().';


-- Along the primary key, from where the batch before has ended, so that all batches together read the table once. With
-- another plan each would test every photo of the camera.
create or replace function watchpost.delete_images(
  until timestamptz, since timestamptz default null, camera uuid default null, most integer default 100,
  after uuid default null, out deleted integer, out reached uuid
)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  -- A photo that a worker is writing to at this moment is left to the next pass.
  chosen uuid[] := array(
    select i.id
    from watchpost.image as i
    where i.id > coalesce(delete_images.after, '00000000-0000-0000-0000-000000000000')
      and i.purpose = 'probe'
      and i.captured_at < delete_images.until
      and (delete_images.since is null or i.captured_at >= delete_images.since)
      and (delete_images.camera is null or i.camera_id = delete_images.camera)
      and watchpost.reason_to_keep(i.id) is null
    order by i.id
    limit most
    for update skip locked
  );
begin
  delete from watchpost.image as i where i.id = any (chosen);
  deleted := cardinality(chosen);
  reached := chosen[deleted];
end;
$$;

comment on function watchpost.delete_images is 'Deletes the next probes that were captured before a time, with their faces and searches: at most most, with a greater id than after. Those with a reason_to_keep() stay. Returns how many, and the last of them, with which to call it again; 0: the pass is over.';


create or replace function watchpost.emit_images_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'images.deleted', watchpost.topic_key('images.deleted'),
    jsonb_build_object(
      'images', count(*),
      'image_ids', jsonb_agg(o.id order by o.id),
      'cameras', coalesce(jsonb_agg(distinct o.camera_id) filter (where o.camera_id is not null), '[]'),
      'captured_from', min(o.captured_at),
      'captured_until', max(o.captured_at),
      'by', watchpost.actor()
    ),
    watchpost.subscribers('images.deleted')
  from (select r.*, row_number() over (order by r.id) as place from old_rows as r) as o
  group by (o.place - 1) / 1000;
  return null;
end;
$$;

comment on function watchpost.emit_images_deleted() is 'One images.deleted for each statement that deletes photos, or for each thousand of them: which, of which cameras and times, and by whom.';

create or replace trigger image_emit_deleted after delete on watchpost.image
referencing old table as old_rows
for each statement execute function watchpost.emit_images_deleted();

-- faces, matches and alerts -------------------------------------------------------------------------------------------

-- A face and a match that go with their photo are told by images.deleted.
create or replace function watchpost.emit_sightings_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  topic constant text := case tg_table_name
    when 'alert' then 'alerts.deleted' when 'match' then 'matches.deleted' else 'faces.deleted'
  end;
  gone uuid[];
begin
  if tg_table_name = 'alert' then
    gone := array(select o.id from old_rows as o order by o.id);
  else
    gone := array(
      select o.id from old_rows as o
      where exists (select from watchpost.image as i where i.id = o.image_id)
      order by o.id
    );
  end if;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    topic, watchpost.topic_key(topic),
    jsonb_build_object('rows', count(*), 'ids', jsonb_agg(g.id order by g.id), 'by', watchpost.actor()),
    watchpost.subscribers(topic)
  from unnest(gone) with ordinality as g (id, place)
  group by (g.place - 1) / 1000;
  return null;
end;
$$;

comment on function watchpost.emit_sightings_deleted() is 'One alerts.deleted, matches.deleted or faces.deleted for each statement that deletes some, or for each thousand of them: which, and by whom. Not for matches and faces whose photo goes as well.';

create or replace trigger alert_emit_deleted after delete on watchpost.alert
referencing old table as old_rows
for each statement execute function watchpost.emit_sightings_deleted();

create or replace trigger face_emit_deleted after delete on watchpost.face
referencing old table as old_rows
for each statement execute function watchpost.emit_sightings_deleted();

create or replace trigger match_emit_deleted after delete on watchpost.match
referencing old table as old_rows
for each statement execute function watchpost.emit_sightings_deleted();


create or replace function watchpost.deleted_ids() returns setof uuid
language sql stable
begin atomic
  select i.id::uuid
  from (values ('images.deleted', 'image_ids'), ('alerts.deleted', 'ids'), ('matches.deleted', 'ids'), ('faces.deleted', 'ids')) as t (topic, key)
  join watchpost.event as e on e.subject_id = watchpost.topic_key(t.topic) and e.topic = t.topic
  cross join lateral jsonb_array_elements_text(e.payload -> t.key) as i (id);
end;

comment on function watchpost.deleted_ids() is 'The photos, faces, alerts and matches of which the record says that they were deleted. Faces and matches that went with their photo, and whatever else rests on one, are not named.';

-- lists and people ----------------------------------------------------------------------------------------------------

create or replace function watchpost.count_history(
  person uuid default null, watchlist uuid default null
) returns table (entries bigint, alerts bigint, matches bigint, photos bigint)
language plpgsql stable
as $$
begin
  return query
  select
    (
      select count(*) from watchpost.watchlist_entry as e
      where e.person_id = count_history.person or e.watchlist_id = count_history.watchlist
    ),
    (
      select count(*) from watchpost.alert as a
      where a.person_id = count_history.person or a.watchlist_id = count_history.watchlist
    ),
    (
      select count(*) from watchpost.match as m
      where m.person_id = count_history.person or m.watchlist_id = count_history.watchlist
    ),
    (select count(*) from watchpost.own_photos(count_history.person));
end;
$$;

comment on function watchpost.count_history is 'What is deleted with a person or a list: entries of lists, alerts, matches, and the photos that were submitted to enrol the person.';


-- An alert is deleted with its matches (evidence.sql).
create or replace function watchpost.delete_sightings(
  most integer, person uuid default null, watchlist uuid default null
) returns integer
language plpgsql
as $$
declare
  chosen uuid[];
begin
  chosen := array(
    select a.id
    from watchpost.alert as a
    where a.person_id = delete_sightings.person or a.watchlist_id = delete_sightings.watchlist
    limit most
    for update skip locked
  );
  if chosen <> '{}' then
    delete from watchpost.alert as a where a.id = any (chosen);
    return cardinality(chosen);
  end if;
  chosen := array(
    select m.id
    from watchpost.match as m
    where (m.person_id = delete_sightings.person or m.watchlist_id = delete_sightings.watchlist)
      and not exists (select from watchpost.alert_match as am where am.match_id = m.id)
    limit most
    for update skip locked
  );
  delete from watchpost.match as m where m.id = any (chosen);
  return cardinality(chosen);
end;
$$;

comment on function watchpost.delete_sightings is 'Deletes at most so many alerts of a person or a list with their matches, or if there are none, matches that are in no alert; returns how many.';


create or replace function watchpost.delete_entries(
  most integer, person uuid default null, watchlist uuid default null
) returns integer
language plpgsql
as $$
declare
  deleted integer;
begin
  delete from watchpost.watchlist_entry as e
  using (
    select o.watchlist_id, o.person_id
    from watchpost.watchlist_entry as o
    where o.person_id = delete_entries.person or o.watchlist_id = delete_entries.watchlist
    limit most
  ) as o
  where e.watchlist_id = o.watchlist_id and e.person_id = o.person_id;
  get diagnostics deleted = row_count;
  return deleted;
end;
$$;

comment on function watchpost.delete_entries is 'Deletes at most so many entries of a list, or of a person in any list; returns how many.';


create or replace function watchpost.clear_watchlist(watchlist uuid, most integer default 100) returns integer
language plpgsql
as $$
declare
  deleted integer;
begin
  -- So that no new matches come.
  update watchpost.watchlist as w set enabled = false where w.id = clear_watchlist.watchlist and w.enabled;
  deleted := watchpost.delete_entries(most, watchlist => clear_watchlist.watchlist);
  if deleted = 0 then
    deleted := watchpost.delete_sightings(most, watchlist => clear_watchlist.watchlist);
  end if;
  return deleted;
end;
$$;

comment on function watchpost.clear_watchlist is 'Disables a list, and deletes at most so many of its entries, alerts and matches; returns how many. At 0 the list can be deleted at once.';


create or replace function watchpost.clear_person(person uuid, most integer default 100) returns integer
language plpgsql
as $$
declare
  deleted integer;
begin
  perform watchpost.assert_person(person);
  deleted := watchpost.delete_entries(most, person => clear_person.person);
  if deleted = 0 then
    deleted := watchpost.delete_sightings(most, person => clear_person.person);
  end if;
  -- After the matches, which each photo would withdraw one by one.
  if deleted = 0 then
    delete from watchpost.image as i
    where i.id in (select p.id from watchpost.own_photos(clear_person.person) as p (id) limit most);
    get diagnostics deleted = row_count;
  end if;
  return deleted;
end;
$$;

comment on function watchpost.clear_person is 'Takes a person off every list, and deletes at most so many of their alerts, matches and photos; returns how many. At 0 forget_person() deletes them at once.';
