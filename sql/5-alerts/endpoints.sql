-- Endpoints: finding, enabling, disabling, removing. Adding: new-endpoint.sql. Their secrets: endpoint-secrets.sql. Which alerts are sent
-- to them: sql/3-stages/notify.sql.
--
-- emits endpoint.changed

create or replace function watchpost.emit_endpoint_added() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'endpoint.changed', e.id,
    jsonb_build_object('endpoint_id', e.id, 'name', e.name, 'change', 'added', 'by', watchpost.actor()), s.tasks
  from new_rows as e
  cross join (select watchpost.subscribers('endpoint.changed') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_endpoint_added() is 'One endpoint.changed for each new endpoint.';

create or replace trigger endpoint_added after insert on watchpost.endpoint
referencing new table as new_rows
for each statement execute function watchpost.emit_endpoint_added();


create or replace function watchpost.emit_endpoint_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'endpoint.changed', n.id,
    jsonb_build_object(
      'endpoint_id', n.id,
      'name', n.name,
      'change', case
        when n.removed_at is not null and o.removed_at is null then 'removed'
        when n.enabled and not o.enabled then 'enabled'
        when o.enabled and not n.enabled then 'disabled'
        else 'changed'
      end,
      'reason', n.disabled_reason,
      'by', watchpost.actor()
    ),
    s.tasks
  from new_rows as n
  join old_rows as o on o.id = n.id
  cross join (select watchpost.subscribers('endpoint.changed') as tasks) as s
  where n is distinct from o;
  return null;
end;
$$;

comment on function watchpost.emit_endpoint_changed() is 'One endpoint.changed for each endpoint that is changed, enabled, disabled or removed.';

create or replace trigger endpoint_changed after update on watchpost.endpoint
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_endpoint_changed();


-- An endpoint without rows is sent the alerts of all lists.
create or replace function watchpost.disable_endpoint_of_no_list() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update watchpost.endpoint as e
  set enabled = false, disabled_reason = 'Every list whose alerts were sent there was removed.'
  where e.id = old.endpoint_id
    and e.enabled
    and not exists (select from watchpost.watchlist as w where w.id = old.watchlist_id)
    and not exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = e.id);
  return null;
end;
$$;

comment on function watchpost.disable_endpoint_of_no_list() is 'Disables an endpoint whose last list is deleted, which would otherwise be sent the alerts of all lists.';

create or replace trigger endpoint_watchlist_last after delete on watchpost.endpoint_watchlist
for each row execute function watchpost.disable_endpoint_of_no_list();


create or replace function watchpost.find_endpoint(name_or_id text) returns uuid
language plpgsql stable
as $$
declare
  found_id uuid;
begin
  select e.id into found_id
  from watchpost.endpoint as e
  where e.removed_at is null and (e.name = normalize(name_or_id, nfc) or e.id::text = lower(name_or_id))
  order by e.name = normalize(name_or_id, nfc) desc
  limit 1;
  if found_id is null then
    raise exception 'There is no endpoint %.', quote_literal(name_or_id)
      using errcode = 'WP053',
            hint = 'Endpoints: ' || coalesce(
              (select string_agg(e.name, ', ' order by e.name) from watchpost.endpoint as e where e.removed_at is null),
              'none yet'
            ) || '.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_endpoint(text) is 'The id of an endpoint by its name or id; an unknown one is an error (WP053).';


create or replace function watchpost.enable_endpoint(endpoint uuid) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = true, disabled_reason = null
  where e.id = watchpost.find_endpoint(endpoint::text) and not e.enabled;
end;
$$;

comment on function watchpost.enable_endpoint(uuid) is 'Enables an endpoint: alerts are sent there.';


create or replace function watchpost.disable_endpoint(endpoint uuid, reason text default null) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = false, disabled_reason = disable_endpoint.reason
  where e.id = watchpost.find_endpoint(endpoint::text) and e.enabled;
end;
$$;

comment on function watchpost.disable_endpoint(uuid, text) is 'Disables an endpoint: nothing is sent there, not even what is already due.';


create or replace function watchpost.remove_endpoint(endpoint uuid) returns void
language plpgsql
as $$
begin
  update watchpost.endpoint as e
  set enabled = false, removed_at = now()
  where e.id = watchpost.find_endpoint(endpoint::text);
  delete from watchpost.endpoint_secret as s where s.endpoint_id = endpoint;
  -- With that of a broker what it has for Home Assistant is removed first.
  delete from watchpost.endpoint_credential as c
  where c.endpoint_id = endpoint and not exists (select from watchpost.home_topic as t where t.endpoint_id = endpoint);
end;
$$;

comment on function watchpost.remove_endpoint(uuid) is 'Removes an endpoint, its secrets and its credential; what was sent there stays on record, and the name is free.';
