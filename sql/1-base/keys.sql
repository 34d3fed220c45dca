-- API keys: making, rotating, revoking, finding; what a key may see.
-- Calls with a key: key-calls.sql. What is recorded of them: key-changes.sql.
--
-- The functions run with their owner's rights, as the API writes no key and needs no hash. They heed the setting
-- watchpost.key, which the API sets to the id of its caller's key: a key that is bound to sites, cameras or lists manages
-- only keys that are bound to some of the same.

-- what a key may see ----------------------------------------------------------------------------------------------------

create or replace function watchpost.key_bounds(out sites uuid[], out cameras uuid[], out watchlists uuid[])
language plpgsql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
declare
  key text := coalesce(current_setting('watchpost.key', true), '');
begin
  if key = '' then
    return;
  end if;
  select k.sites, k.cameras, k.watchlists into sites, cameras, watchlists
  from watchpost.api_key as k
  where k.id = key::uuid;
  if not found then
    sites := '{}';
    cameras := '{}';
    watchlists := '{}';
  end if;
end;
$$;

comment on function watchpost.key_bounds() is 'The sites, cameras and lists that the API key of the setting watchpost.key is bound to; null: all, or no key is set; empty: there is no such key.';


create or replace function watchpost.may_manage_key(sites uuid[], cameras uuid[], watchlists uuid[]) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(may_manage_key.sites <@ own.sites, own.sites is null)
    and coalesce(may_manage_key.cameras <@ own.cameras, own.cameras is null)
    and coalesce(may_manage_key.watchlists <@ own.watchlists, own.watchlists is null)
  from watchpost.key_bounds() as own;
end;

comment on function watchpost.may_manage_key is 'Whether the API key of the setting watchpost.key may see and change a key with these bounds: one that is no wider than itself. True where no key is set.';

-- seeing and finding --------------------------------------------------------------------------------------------------

create or replace view watchpost.key_status with (security_invoker = true) as
select
  k.id, k.name,
  case
    when k.revoked_at is not null then 'revoked'
    when k.expires_at <= now() then 'expired'
    else 'valid'
  end as state,
  k.scopes, k.sites, k.cameras, k.watchlists, k.rate_per_minute, k.max_streams, k.max_backlog,
  k.created_at, k.created_by, k.expires_at, k.revoked_at, k.last_used_at,
  case when k.previous_until > now() then k.previous_until end as previous_until
from watchpost.api_key as k
where watchpost.may_manage_key(k.sites, k.cameras, k.watchlists);

comment on view watchpost.key_status is 'The API keys without their hashes; state: valid, expired or revoked; previous_until: until when the key before the latest rotation is valid, too.';


create or replace function watchpost.find_key(name_or_id text) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  found_id uuid;
begin
  select k.id into found_id
  from watchpost.api_key as k
  where (k.name = normalize(name_or_id, nfc) or k.id::text = lower(name_or_id))
    and watchpost.may_manage_key(k.sites, k.cameras, k.watchlists)
  order by k.name = normalize(name_or_id, nfc) desc
  limit 1;
  if found_id is null then
    raise exception 'There is no API key %.', quote_literal(name_or_id)
      using errcode = 'WP130', hint = 'Keys have names: "watchpost key list" shows them.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_key(text) is 'The id of an API key by its name or id; an unknown one is an error (WP130).';

-- making, rotating, revoking ------------------------------------------------------------------------------------------

-- 244 random bits: a UUID has 122 from the server's strong source.
create or replace function watchpost.make_key() returns text
language sql volatile
return 'wp_' || translate(
  encode(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), 'base64'), '+/=', '-_'
);

comment on function watchpost.make_key() is 'A new API key: wp_ and 43 characters.';


create or replace function watchpost.refuse_key(
  scopes text[], sites uuid[], cameras uuid[], watchlists uuid[], expires_at timestamptz
) returns void
language plpgsql
as $$
declare
  wrong text;
begin
  if not watchpost.may_manage_key(sites, cameras, watchlists)
    or (
      coalesce(current_setting('watchpost.key', true), '') <> ''
      and not exists (
        select from watchpost.api_key as k
        where k.id = nullif(current_setting('watchpost.key', true), '')::uuid and 'administer' = any (k.scopes)
      )
    )
  then
    raise exception 'A key cannot give rights that it does not have.'
      using errcode = 'WP132', hint = 'Bind the new key to sites, cameras and lists of your own key.';
  end if;
  wrong := (select coalesce(s, 'null') from unnest(scopes) as s where not coalesce(s in ('submit', 'read', 'enrol', 'review', 'administer'), false) limit 1);
  if coalesce(scopes, '{}') = '{}' or wrong is not null then
    raise exception 'There is no scope %.', coalesce(quote_literal(wrong), 'in an empty list')
      using errcode = 'WP133', hint = 'Scopes: submit, read, enrol, review, administer.';
  end if;
  if expires_at <= clock_timestamp() then
    raise exception 'expires_at: give a time in the future.' using errcode = 'WP071';
  end if;
  perform watchpost.find_site(s::text) from unnest(sites) as s;
  wrong := (
    select c from unnest(cameras) as c
    where not exists (select from watchpost.camera as k where k.id = c and k.removed_at is null)
      or not (watchpost.sees_all() or watchpost.shows_camera(watchpost.my_scope(), c))
    limit 1
  );
  if wrong is not null then
    raise exception 'There is no camera %.', quote_literal(wrong) using errcode = 'WP002';
  end if;
  wrong := (
    select l from unnest(watchlists) as l
    where not exists (select from watchpost.watchlist as w where w.id = l)
      or not (watchpost.sees_all() or watchpost.shows_watchlist(watchpost.my_scope(), l))
    limit 1
  );
  if wrong is not null then
    raise exception 'There is no watchlist %.', quote_literal(wrong) using errcode = 'WP062';
  end if;
end;
$$;

comment on function watchpost.refuse_key is 'Part of create_key: raises what is wrong with a new key. Does nothing if it is right.';


create or replace function watchpost.create_key(
  name            text,
  scopes          text[] default '{submit,read}',
  sites           uuid[] default null,
  cameras         uuid[] default null,
  watchlists      uuid[] default null,
  expires_at      timestamptz default null,
  rate_per_minute integer default null,
  max_streams     integer default null,
  max_backlog     integer default null,
  out key_id uuid,
  out key    text
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform watchpost.refuse_key(scopes, sites, cameras, watchlists, create_key.expires_at);
  key := watchpost.make_key();
  insert into watchpost.api_key as k (
    name, sha256, scopes, sites, cameras, watchlists, expires_at, rate_per_minute, max_streams, max_backlog
  )
  values (
    create_key.name, sha256(convert_to(create_key.key, 'UTF8')),
    array(select distinct s from unnest(create_key.scopes) as s order by s),
    create_key.sites, create_key.cameras, create_key.watchlists, create_key.expires_at,
    create_key.rate_per_minute, create_key.max_streams, create_key.max_backlog
  )
  returning k.id into key_id;
end;
$$;

comment on function watchpost.create_key is 'Makes an API key and returns it; it is never shown again. Null for sites, cameras or watchlists: all. What it may not be is an error: rights beyond those of the caller''s own key (WP132), an unknown scope (WP133), camera (WP002) or list (WP062), an expiry in the past (WP071).';


create or replace function watchpost.change_key(key_id uuid, changes jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  bounds constant text[] := '{sites,cameras,watchlists,expires_at}';
  limits constant text[] := '{rate_per_minute,max_streams,max_backlog}';
  wrong constant text := (select c from jsonb_object_keys(changes) as c where c <> all (bounds || limits) limit 1);
  before watchpost.api_key;
  becomes watchpost.api_key;
begin
  if wrong is not null then
    raise exception '% of an API key cannot be changed.', wrong
      using errcode = 'invalid_parameter_value',
            hint = 'What can be: ' || array_to_string(bounds || limits, ', ') || '. For another name or scope make another key.';
  end if;
  select k.* into before from watchpost.api_key as k where k.id = watchpost.find_key(change_key.key_id::text) for update;
  if before.revoked_at is not null or before.expires_at <= clock_timestamp() then
    raise exception 'The API key % was revoked or has expired.', quote_literal(before.name)
      using errcode = 'WP131', hint = 'Make a new one, of another name.';
  end if;
  if before.id::text = current_setting('watchpost.key', true) then
    raise exception 'A key cannot change itself.'
      using errcode = 'WP132', hint = 'Use another key, or "watchpost key change" on a machine that reaches the database.';
  end if;
  becomes := jsonb_populate_record(before, changes);
  -- A camera to which it is bound may have been removed since: that keeps nobody from changing a limit.
  if changes ?| bounds then
    perform watchpost.refuse_key(before.scopes, becomes.sites, becomes.cameras, becomes.watchlists, becomes.expires_at);
  end if;
  update watchpost.api_key as k
  set sites = becomes.sites, cameras = becomes.cameras, watchlists = becomes.watchlists, expires_at = becomes.expires_at,
    rate_per_minute = becomes.rate_per_minute, max_streams = becomes.max_streams, max_backlog = becomes.max_backlog
  where k.id = before.id;
end;
$$;

comment on function watchpost.change_key(uuid, jsonb) is 'Changes what is named of an API key: sites, cameras, watchlists (arrays of ids), expires_at, rate_per_minute, max_streams, max_backlog; null lifts it. API processes follow within 5 seconds. A key that was revoked or has expired is an error (WP131), so is one that changes itself or is given more than the caller''s key has (WP132). Its name and its scopes are for ever: the record refers to the name.';


create or replace function watchpost.rotate_key(
  key_id  uuid,
  overlap interval default '24 hours',
  out key            text,
  out previous_until timestamptz
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  before watchpost.api_key;
begin
  -- Two rotations at the same time wait for each other here.
  select k.* into before from watchpost.api_key as k where k.id = watchpost.find_key(rotate_key.key_id::text) for update;
  if before.revoked_at is not null or before.expires_at <= clock_timestamp() then
    raise exception 'The API key % was revoked or has expired.', quote_literal(before.name)
      using errcode = 'WP131', hint = 'Make a new one, of another name.';
  end if;
  key := watchpost.make_key();
  previous_until := clock_timestamp() + overlap;
  update watchpost.api_key as k
  set sha256 = sha256(convert_to(rotate_key.key, 'UTF8')),
    previous_sha256 = before.sha256,
    previous_until = rotate_key.previous_until
  where k.id = before.id;
end;
$$;

comment on function watchpost.rotate_key is 'Gives an API key a new secret and returns it; it is never shown again. The previous one is valid for the interval overlap, too; an older one ends at once. A key that was revoked or has expired is an error (WP131).';


create or replace function watchpost.revoke_key(key_id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update watchpost.api_key as k
  set revoked_at = clock_timestamp()
  where k.id = watchpost.find_key(revoke_key.key_id::text) and k.revoked_at is null;
end;
$$;

comment on function watchpost.revoke_key(uuid) is 'Revokes an API key for good, with the one before its rotation. API processes refuse it within 5 seconds. Its name stays taken.';
