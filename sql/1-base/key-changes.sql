-- What the record says of API keys: each change of one, and calls with a key that is not valid. Never a key or its hash.
--
-- emits key.changed, key.refused

create or replace function watchpost.emit_key_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  hidden constant text[] := '{sha256,previous_sha256,last_used_at,expiry_noted_at}';
  was jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - hidden end;
  becomes jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - hidden end;
  change text := case
    when tg_op = 'INSERT' then 'created'
    when tg_op = 'DELETE' then 'deleted'
    when new.revoked_at is not null and old.revoked_at is null then 'revoked'
    when new.expiry_noted_at is not null and old.expiry_noted_at is null then 'expired'
    when new.sha256 <> old.sha256 then 'rotated'
    else 'updated'
  end;
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'key.changed', (coalesce(becomes, was) ->> 'id')::uuid,
    jsonb_build_object(
      'key_id', coalesce(becomes, was) -> 'id',
      'name', coalesce(becomes, was) -> 'name',
      'change', change,
      'by', watchpost.actor()
    ) || watchpost.changed_columns(was, becomes),
    watchpost.subscribers('key.changed')
  );
  return null;
end;
$$;

comment on function watchpost.emit_key_changed() is 'One key.changed for each API key that was created, rotated, revoked, changed or deleted, or has expired: by whom, and the old and new values without hashes.';

create or replace trigger api_key_emit_insert after insert on watchpost.api_key
for each row execute function watchpost.emit_key_changed();

-- That a key was used is no event.
create or replace trigger api_key_emit_update after update on watchpost.api_key
for each row when (
  (
    old.name, old.sha256, old.previous_until, old.scopes, old.sites, old.cameras, old.watchlists,
    old.rate_per_minute, old.max_streams, old.max_backlog, old.expires_at, old.revoked_at
  ) is distinct from (
    new.name, new.sha256, new.previous_until, new.scopes, new.sites, new.cameras, new.watchlists,
    new.rate_per_minute, new.max_streams, new.max_backlog, new.expires_at, new.revoked_at
  )
  or (old.expiry_noted_at is null and new.expiry_noted_at is not null)
)
execute function watchpost.emit_key_changed();

create or replace trigger api_key_emit_delete after delete on watchpost.api_key
for each row execute function watchpost.emit_key_changed();


create or replace function watchpost.note_expired_keys() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  noted integer;
begin
  update watchpost.api_key as k
  set expiry_noted_at = clock_timestamp()
  where k.expires_at <= clock_timestamp() and k.expiry_noted_at is null and k.revoked_at is null;
  get diagnostics noted = row_count;
  return noted;
end;
$$;

comment on function watchpost.note_expired_keys() is 'Writes the event of each API key that has expired since, and returns how many. Part of upkeep().';


-- One event for all that a process has refused since the one before: whoever tries keys must not fill the record.
create or replace function watchpost.record_refused_keys(worker uuid, refused jsonb, keys text[], since timestamptz) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'key.refused', worker,
    jsonb_build_object('worker_id', worker, 'refused', refused, 'keys', to_jsonb(keys), 'since', since),
    watchpost.subscribers('key.refused')
  );
end;
$$;

comment on function watchpost.record_refused_keys is 'Writes that an API process has refused calls: how many with an unknown, revoked, expired or replaced key, and the names of those that are known.';
