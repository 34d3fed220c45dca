-- Cameras: by name or id, and the place that each stands for.

-- With its owner's rights, like submit_image: a role that may only submit can call it and reads nothing else.
create or replace function watchpost.find_camera(name_or_id text) returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  found_id uuid;
begin
  select c.id into found_id
  from watchpost.camera as c
  where c.name = normalize(name_or_id, nfc) or c.id::text = lower(name_or_id)
  order by c.name = normalize(name_or_id, nfc) desc
  limit 1;
  if found_id is null then
    raise exception 'There is no camera %.', quote_literal(name_or_id)
      using errcode = 'WP002',
            hint = 'Cameras: ' || coalesce((select string_agg(c.name, ', ' order by c.name) from watchpost.camera as c), 'none yet') || '.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_camera(text) is 'The id of a camera by its name or id; an unknown one is an error (WP002).';


-- In plpgsql, so that a session plans it once; an SQL function is planned at each call.
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
