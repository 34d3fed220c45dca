-- Deleting the photos of a time or a camera, as deleting.sql says.
--
-- emits images.deleted

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
