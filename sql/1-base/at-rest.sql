-- Photos and crops that are encrypted at rest. What encrypts and decrypts them: src/database/at-rest.ts, which says how an
-- encrypted value begins. Here is read from that: the size and the hash of the photo, which columns of image hold.
--
-- emits data_key.changed

-- A bytea literal would be read as the session's standard_conforming_strings says.
create or replace function watchpost.is_encrypted(stored bytea) returns boolean
language sql immutable strict parallel safe
return substr(stored, 1, 5) = decode('0057504531', 'hex') and octet_length(stored) >= 89;

comment on function watchpost.is_encrypted(bytea) is 'Whether a photo or a crop is encrypted as it is stored.';


create or replace function watchpost.plain_sha256(stored bytea) returns bytea
language sql immutable strict parallel safe
return case when watchpost.is_encrypted(stored) then substr(stored, 30, 32) else sha256(stored) end;

comment on function watchpost.plain_sha256(bytea) is 'SHA-256 of a photo, encrypted or not.';


create or replace function watchpost.plain_length(stored bytea) returns bigint
language sql immutable strict parallel safe
return case
  when watchpost.is_encrypted(stored) then ('x' || encode(substr(stored, 22, 8), 'hex'))::bit(64)::bigint
  else octet_length(stored)
end;

comment on function watchpost.plain_length(bytea) is 'Bytes of a photo, encrypted or not.';


create or replace function watchpost.data_key_of(stored bytea) returns uuid
language sql immutable strict parallel safe
return case when watchpost.is_encrypted(stored) then encode(substr(stored, 6, 16), 'hex')::uuid end;

comment on function watchpost.data_key_of(bytea) is 'The data key that a photo or a crop is encrypted by; null: it is not encrypted.';


-- With its owner's rights: who may only submit reads no key.
create or replace function watchpost.assert_data_key(stored bytea, site uuid) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select
    from watchpost.data_key as k
    where k.id = watchpost.data_key_of(stored) and k.site_id = site and k.destroyed_at is null
  ) then
    raise exception 'The photo is encrypted by a key that this database does not have, that is of another site, or that was destroyed.'
      using errcode = 'WP092', hint = 'Submit the photo as it is: the API and the workers encrypt it.';
  end if;
end;
$$;

comment on function watchpost.assert_data_key is 'A photo that is encrypted by an unknown or destroyed key, or one of another site, is an error (WP092): nobody could read it, or still could when the key of its site is destroyed.';


-- As insert_image() and the trigger of image decide it.
create or replace function watchpost.site_of_photo(camera text) returns uuid
language plpgsql stable
as $$
begin
  return case
    when camera is null then watchpost.default_site()
    else (select c.site_id from watchpost.camera as c where c.id = watchpost.find_camera(site_of_photo.camera))
  end;
end;
$$;

comment on function watchpost.site_of_photo(text) is 'The site that a photo of a camera, by name or id, will be of; null: of no camera. An unknown camera is an error (WP002).';


-- Callers may not update image.bytes; the trigger of that column refuses any other photo.
create or replace function watchpost.encrypt_image(image uuid, bytes bytea) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform watchpost.assert_data_key(encrypt_image.bytes, i.site_id)
  from watchpost.image as i
  where i.id = encrypt_image.image;
  update watchpost.image as i
  set bytes = encrypt_image.bytes
  where i.id = encrypt_image.image and not watchpost.is_encrypted(i.bytes) and watchpost.is_encrypted(encrypt_image.bytes);
  return found;
end;
$$;

comment on function watchpost.encrypt_image is 'Puts the encrypted form of a photo in its place: for photos that were inserted by SQL, when a worker first reads them.';


-- With its owner's rights: whoever submits a photo through the API may be the first.
create or replace function watchpost.provide_data_key(
  site uuid, made bytea, made_by text, out id uuid, out wrapped bytea, out wrapped_by text
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  select k.id, k.wrapped, k.wrapped_by into id, wrapped, wrapped_by
  from watchpost.data_key as k where k.site_id = site and k.destroyed_at is null;
  if found then
    return;
  end if;
  insert into watchpost.data_key (site_id, wrapped, wrapped_by) values (site, made, made_by) on conflict do nothing;
  -- Another process may have made one at the same moment.
  select k.id, k.wrapped, k.wrapped_by into id, wrapped, wrapped_by
  from watchpost.data_key as k where k.site_id = site and k.destroyed_at is null;
end;
$$;

comment on function watchpost.provide_data_key is 'The key by which new photos of a site are encrypted; if there is none, the given one, wrapped, becomes it.';


-- With its owner's rights: a person on lists of two sites is shown to both, with photos that the key of one of them encrypts.
create or replace function watchpost.find_data_key(key uuid) returns table (id uuid, wrapped bytea, wrapped_by text)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select k.id, k.wrapped, k.wrapped_by from watchpost.data_key as k where k.id = key;
end;

comment on function watchpost.find_data_key(uuid) is 'A data key, wrapped, by the id that a photo has which the caller was shown.';


create or replace function watchpost.destroy_data_keys(site uuid default null) returns integer
language plpgsql
as $$
declare
  destroyed integer;
begin
  update watchpost.data_key as k
  set wrapped = null, destroyed_at = clock_timestamp(), destroyed_by = watchpost.actor()
  where k.destroyed_at is null and (destroy_data_keys.site is null or k.site_id = destroy_data_keys.site);
  get diagnostics destroyed = row_count;
  return destroyed;
end;
$$;

comment on function watchpost.destroy_data_keys(uuid) is 'Destroys the key of a site, or of all sites: the photos and crops that it has encrypted cannot be read by anybody any more; matching goes on. Returns how many keys.';


create or replace function watchpost.emit_data_key_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'data_key.changed', new.id,
    jsonb_build_object(
      'data_key_id', new.id,
      'site_id', new.site_id,
      'change', case
        when tg_op = 'INSERT' then 'made'
        when new.destroyed_at is not null then 'destroyed'
        else 'wrapped again'
      end,
      'wrapped_by', new.wrapped_by,
      'by', watchpost.actor()
    ),
    watchpost.subscribers('data_key.changed')
  );
  return null;
end;
$$;

comment on function watchpost.emit_data_key_changed() is 'One data_key.changed for each key that was made, wrapped again or destroyed.';

create or replace trigger data_key_emit after insert or update on watchpost.data_key
for each row execute function watchpost.emit_data_key_changed();
