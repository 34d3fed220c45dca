-- What camera.source may be, and its credentials, which are taken out of it before the row is written.

-- The host, port and scheme of a URL: credentials are for these.
create or replace function watchpost.origin_of(url text) returns text
language sql immutable strict parallel safe
return lower(substring(url from '^[a-zA-Z0-9]+://[^/?#]*'));

comment on function watchpost.origin_of(text) is 'Scheme, host and port of a URL, in lower case.';


-- Before the constraints, whose errors show the row: nothing that may hold a password gets so far.
create or replace function watchpost.keep_source_secret() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- Up to the last @ before the path.
  parts constant text[] := regexp_match(new.source, '^([a-zA-Z0-9]+://)([^/?#]*)@([^@/?#]*([/?#].*)?)$');
begin
  if new.removed_at is not null then
    new.source := null;
  elsif parts is not null then
    new.source := parts[1] || parts[3];
  end if;
  if new.source !~* '^(rtsps?|https?|mqtts?|s3)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?$'
    and new.source !~* '^rtsps://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?([/?][^[:space:][:cntrl:]#]*)?#sha256=([0-9a-f]{2}:?){32}$'
    and new.source !~ '^/dev/video[0-9]{1,3}$'
  then
    raise exception 'The source of the camera is not one that frames can be taken from.'
      using errcode = 'WP054',
            hint = 'Give a URL like rtsp://user:password@camera.example/stream, with rtsp, rtsps, http, https, mqtt, mqtts or s3, or a device like /dev/video0. In a password write @ as %40, / as %2F, ? as %3F and # as %23.';
  end if;
  if new.source is not null and parts[2] <> '' then
    insert into watchpost.camera_secret as s (camera_id, userinfo) values (new.id, parts[2])
    on conflict (camera_id) do update set userinfo = excluded.userinfo, changed_at = clock_timestamp()
    where s.userinfo <> excluded.userinfo;
  elsif tg_op = 'UPDATE' and watchpost.origin_of(new.source) is distinct from watchpost.origin_of(old.source) then
    delete from watchpost.camera_secret as s where s.camera_id = new.id;
  end if;
  return new;
end;
$$;

comment on function watchpost.keep_source_secret() is 'Moves user and password of camera.source to camera_secret. They stay while the source is at the same server, and go with it. Refuses what is no source (WP054).';

create or replace trigger camera_source_insert before insert on watchpost.camera
for each row when (new.source is not null)
execute function watchpost.keep_source_secret();

create or replace trigger camera_source_update before update on watchpost.camera
for each row when ((new.source, new.removed_at) is distinct from (old.source, old.removed_at))
execute function watchpost.keep_source_secret();
