-- Deleting much, batch by batch: photos of a time or a camera (deleting-photos.sql), and what a list or a person leads to
-- (deleting-history.sql). A caller repeats a function until it returns 0, each time in a transaction of its own, so that no
-- lock is held for long; what was interrupted goes on with the next call. src/watchlist/deleting.ts does that, with pauses
-- while photos arrive. Here: what the record says of it.
--
-- emits faces.deleted, matches.deleted, alerts.deleted
--
-- The record is not deleted: events, handlings and their seals.

-- A topic about many rows has no subject: with the same key in each of its events they are found by the index.
create or replace function watchpost.topic_key(topic text) returns uuid
language sql immutable parallel safe
return md5(topic)::uuid;

comment on function watchpost.topic_key(text) is 'The subject_id of events that are about no single row.';


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
