-- Cameras: by name or id, where each was at a time, and removing one. What is recorded of a change: camera-changes.sql.

-- With its owner's rights, like submit_image: a role that may only submit can call it and reads nothing else. Only cameras
-- that whoever acts may see; of two sites with a camera of one name, the one at their first site.
create or replace function watchpost.find_camera(name_or_id text, or_removed boolean default false) returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  sees_all constant boolean := watchpost.sees_all();
  scope constant watchpost.scope := case when not sees_all then watchpost.my_scope() end;
  found_id uuid;
begin
  select c.id into found_id
  from watchpost.camera as c
  where (c.name = normalize(name_or_id, nfc) or c.id::text = lower(name_or_id)) and (or_removed or c.removed_at is null)
    and (sees_all or watchpost.shows_camera(scope, c.id))
  order by c.removed_at is null desc, c.name = normalize(name_or_id, nfc) desc, c.site_id, c.removed_at desc
  limit 1;
  if found_id is null then
    raise exception 'There is no camera %.', quote_literal(name_or_id)
      using errcode = 'WP002',
            hint = 'Cameras: ' || coalesce(
              (
                select string_agg(c.name, ', ' order by c.name)
                from watchpost.camera as c
                where c.removed_at is null and (sees_all or watchpost.shows_camera(scope, c.id))
              ),
              'none yet'
            ) || '.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_camera is 'The id of a camera by its name or id; an unknown one is an error (WP002), and a removed one too unless or_removed, and one that the API key of the setting watchpost.key is not bound to.';


-- In plpgsql, so that a session plans it once; an SQL function is planned at each call.
create or replace function watchpost.place_of(camera uuid, at timestamptz) returns text
language plpgsql stable
as $$
begin
  return coalesce(
    (
      select coalesce('zone:' || c.zone, 'camera:' || c.name)
      from watchpost.camera_place as c
      where c.camera_id = camera and c.during @> at
    ),
    'nowhere'
  );
end;
$$;

comment on function watchpost.place_of is 'What makes two sightings the same episode: the zone that the camera had at that time, else the camera.';


create or replace function watchpost.remove_camera(camera uuid) returns void
language plpgsql
as $$
begin
  update watchpost.camera as c
  set removed_at = clock_timestamp()
  where c.id = watchpost.find_camera(camera::text);
end;
$$;

comment on function watchpost.remove_camera(uuid) is 'Removes a camera: nothing is submitted to it by name any more, and the name is free. Its photos and alerts stay, and where it was; delete_images() deletes photos.';


-- The photo with the latest captured_at, by the index. The time is that of this database: the clock of a camera may be wrong.
create or replace view watchpost.camera_silence with (security_invoker = true) as
select
  c.id as camera_id,
  c.site_id,
  (select s.name from watchpost.site as s where s.id = c.site_id) as site,
  c.name,
  c.silent_after,
  coalesce(
    (
      select i.received_at
      from watchpost.image as i
      where i.camera_id = c.id
      order by i.captured_at desc
      limit 1
    ),
    c.created_at
  ) as last_image_at
from watchpost.camera as c
where c.removed_at is null;

comment on view   watchpost.camera_silence               is 'Since when each camera in use has sent nothing.';
comment on column watchpost.camera_silence.last_image_at is 'When its latest photo arrived; of a camera of which no photo is there, when it was added.';
