-- API keys at work: which key a call has, its calls in this minute and its open streams, and the key that an installation
-- begins with. The functions run with their owner's rights, as those of keys.sql.

create or replace function watchpost.authenticate(key_sha256 bytea)
returns table (
  id uuid, name text, scopes text[], sites uuid[], cameras uuid[], watchlists uuid[],
  rate_per_minute integer, max_streams integer, max_backlog integer,
  state text, valid_ms float8, use_noted boolean
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select
    k.id, k.name, k.scopes, k.sites, k.cameras, k.watchlists, k.rate_per_minute, k.max_streams, k.max_backlog,
    case
      when k.revoked_at is not null then 'revoked'
      when k.expires_at <= t.now then 'expired'
      when k.sha256 <> key_sha256 and k.previous_until <= t.now then 'replaced'
      else 'valid'
    end,
    extract(epoch from least(k.expires_at, case when k.sha256 <> key_sha256 then k.previous_until end) - t.now)::float8 * 1000,
    coalesce(k.last_used_at > t.now - interval '1 minute', false)
  from watchpost.api_key as k
  cross join (select clock_timestamp() as now) as t
  where k.sha256 = key_sha256 or k.previous_sha256 = key_sha256;
end;
$$;

comment on function watchpost.authenticate(bytea) is 'The API key with this SHA-256, no row if there is none; state: valid, revoked, expired, or replaced by a rotation; valid_ms: for how long at most it will be valid; use_noted: whether last_used_at is of the last minute.';


create or replace function watchpost.note_key_use(key_id uuid) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update watchpost.api_key as k
  set last_used_at = clock_timestamp()
  where k.id = key_id and coalesce(k.last_used_at <= clock_timestamp() - interval '1 minute', true);
end;
$$;

comment on function watchpost.note_key_use(uuid) is 'Sets last_used_at, unless it is of the last minute.';


-- A sixteenth of what is left at a time: a process asks about 100 times to use up 1,000 calls, and what it has not used at
-- the end of the minute is little. A key of few calls asks at each.
create or replace function watchpost.take_calls(key_id uuid, out granted integer, out minute_left_ms float8)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  most constant integer := (select k.rate_per_minute from watchpost.api_key as k where k.id = take_calls.key_id);
  moment constant timestamptz := clock_timestamp();
  this_minute timestamptz := date_bin('1 minute', moment, '2000-01-01T00:00:00Z');
  taken integer;
begin
  minute_left_ms := extract(epoch from this_minute + interval '1 minute' - moment)::float8 * 1000;
  if most is null then
    return;
  end if;
  insert into watchpost.key_calls as c (key_id, minute, calls)
  values (take_calls.key_id, this_minute, 0)
  on conflict on constraint key_calls_pkey do nothing;
  -- Another session may have begun the next minute while this one waited for the row.
  select case when c.minute >= this_minute then c.calls else 0 end, greatest(c.minute, this_minute)
  into taken, this_minute
  from watchpost.key_calls as c
  where c.key_id = take_calls.key_id
  for update;
  granted := greatest(0, least(most - taken, greatest(1, (most - taken) / 16)));
  update watchpost.key_calls as c
  set minute = this_minute, calls = taken + granted
  where c.key_id = take_calls.key_id;
end;
$$;

comment on function watchpost.take_calls is 'Hands some of the calls that a key has left in this minute to an API process: granted, 0 if there are none, null if the key has no rate; and how long the minute lasts.';


create or replace function watchpost.open_stream(key_id uuid, worker_id uuid, most integer, out stream_id uuid, out open integer)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- Two that open a stream at the same time wait for each other here.
  select coalesce(k.max_streams, open_stream.most) into most
  from watchpost.api_key as k
  where k.id = open_stream.key_id
  for no key update;
  delete from watchpost.key_stream as s
  using watchpost.worker as w
  where s.key_id = open_stream.key_id and w.id = s.worker_id and coalesce(w.stopped_at, w.lost_at) is not null;
  open := (select count(*) from watchpost.key_stream as s where s.key_id = open_stream.key_id);
  if open < most then
    insert into watchpost.key_stream as s (key_id, worker_id)
    values (open_stream.key_id, open_stream.worker_id)
    returning s.id into stream_id;
  end if;
end;
$$;

comment on function watchpost.open_stream is 'Counts one more stream of an API key at an API process, and returns its id; null if the key has as many open as it may (its max_streams, or most), and how many those are.';


create or replace function watchpost.close_streams(stream_ids uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from watchpost.key_stream as s where s.id = any (stream_ids);
end;
$$;

comment on function watchpost.close_streams(uuid[]) is 'Counts these streams no more.';


create or replace function watchpost.is_administered() returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from watchpost.key_status as k
    where k.state = 'valid' and 'administer' = any (k.scopes)
      and k.sites is null and k.cameras is null and k.watchlists is null
  );
end;
$$;

comment on function watchpost.is_administered() is 'Whether there is a valid API key that may do everything.';


create or replace function watchpost.admit_key(name text, key_sha256 bytea, replaces boolean) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  known record;
begin
  -- Processes that start together admit the same key: ON CONFLICT takes care of one unique index only.
  perform pg_advisory_xact_lock(hashtext('watchpost.admit_key'));
  insert into watchpost.api_key as k (name, sha256, scopes)
  select admit_key.name, key_sha256, '{administer}'
  where not exists (select from watchpost.api_key as o where key_sha256 in (o.sha256, o.previous_sha256))
  on conflict on constraint api_key_name_key do update
  set sha256 = excluded.sha256, previous_sha256 = null, previous_until = null, expires_at = null, revoked_at = null
  where replaces;
  select a.state into known from watchpost.authenticate(key_sha256) as a;
  return coalesce(known.state, 'replaced');
end;
$$;

comment on function watchpost.admit_key is 'Makes a key known that is in a file or in the settings of an API process, with all rights; returns what authenticate() says of it. If there is another key of this name, it is replaced, or the new one is refused.';
