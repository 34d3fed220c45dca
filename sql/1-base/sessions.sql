-- Sessions of the console: who has logged in. What a session may do is what its key may, see keys.sql.
--
-- The functions run with their owner's rights, as the API writes no session.

create or replace function watchpost.open_session(
  key_sha256   bytea,
  token_sha256 bytea,
  lifetime     interval,
  subject      text default null
) returns timestamptz
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  ends_at timestamptz := clock_timestamp() + lifetime;
begin
  delete from watchpost.session as s where s.expires_at <= clock_timestamp();
  insert into watchpost.session as s (key_id, key_sha256, sha256, subject, expires_at)
  select k.id, open_session.key_sha256, open_session.token_sha256, open_session.subject, ends_at
  from watchpost.authenticate(open_session.key_sha256) as k
  where k.state = 'valid';
  return case when found then ends_at end;
end;
$$;

comment on function watchpost.open_session is 'Opens a session of a key by the SHA-256 of the key and of a new token; subject: who it is, where OpenID Connect says so. Returns when it ends; null if there is no such key, or it is not valid.';


create or replace function watchpost.open_session_of(
  key_name     text,
  token_sha256 bytea,
  lifetime     interval,
  subject      text
) returns timestamptz
language sql security definer set search_path = pg_catalog, pg_temp
begin atomic
  select watchpost.open_session(k.sha256, token_sha256, lifetime, subject)
  from watchpost.api_key as k
  where k.name = open_session_of.key_name;
end;

comment on function watchpost.open_session_of is 'As open_session(), for somebody for whom OpenID Connect vouches, with the rights of the key of this name.';


create or replace function watchpost.authenticate_session(token_sha256 bytea)
returns table (
  id uuid, name text, scopes text[], sites uuid[], cameras uuid[], watchlists uuid[],
  rate_per_minute integer, max_streams integer, max_backlog integer,
  state text, valid_ms float8, use_noted boolean, subject text, expires_at timestamptz
)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update watchpost.session as s
  set last_used_at = clock_timestamp()
  where s.sha256 = token_sha256 and s.last_used_at <= clock_timestamp() - interval '1 minute';
  return query
  select
    k.id, k.name, k.scopes, k.sites, k.cameras, k.watchlists, k.rate_per_minute, k.max_streams, k.max_backlog,
    k.state, least(k.valid_ms, extract(epoch from s.expires_at - clock_timestamp())::float8 * 1000), k.use_noted,
    s.subject, s.expires_at
  from watchpost.session as s
  cross join lateral watchpost.authenticate(s.key_sha256) as k
  where s.sha256 = token_sha256 and s.expires_at > clock_timestamp();
end;
$$;

comment on function watchpost.authenticate_session(bytea) is 'As authenticate(), by the SHA-256 of the token of a session: its key, who it is (null: whoever has the key), and when it ends. No row if there is no such session or it has ended.';


create or replace function watchpost.close_session(token_sha256 bytea) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from watchpost.session as s where s.sha256 = token_sha256;
end;
$$;

comment on function watchpost.close_session(bytea) is 'Ends a session. Does nothing if there is none.';
