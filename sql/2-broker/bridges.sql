-- Bridges: finding, enabling, disabling, removing. Adding: new-bridge.sql. Changing: set-bridge.sql. Which process does the work of each:
-- bridge-leases.sql. What they do: src/bridge.
--
-- emits bridge.changed

create or replace function watchpost.emit_bridge_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    insert into watchpost.bridge_state (bridge_id, position)
    values (new.id, case when new.direction = 'out' then watchpost.record_snapshot()::text end);
  elsif new is not distinct from old then
    return null;
  end if;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'bridge.changed', new.id,
    jsonb_build_object(
      'bridge_id', new.id, 'name', new.name, 'kind', new.kind, 'direction', new.direction, 'url', new.url,
      'address', new.address, 'topics', new.topics,
      'change', case
        when tg_op = 'INSERT' then 'added'
        when new.removed_at is not null and old.removed_at is null then 'removed'
        when new.enabled and not old.enabled then 'enabled'
        when old.enabled and not new.enabled then 'disabled'
        else 'changed'
      end,
      'by', watchpost.actor()
    ),
    watchpost.subscribers('bridge.changed')
  );
  return null;
end;
$$;

comment on function watchpost.emit_bridge_changed() is 'One bridge.changed for each bridge that is added, changed, enabled, disabled or removed. A new one publishes what happens from now on.';

create or replace trigger bridge_changed after insert or update on watchpost.bridge
for each row execute function watchpost.emit_bridge_changed();


create or replace function watchpost.find_bridge(name_or_id text) returns uuid
language plpgsql stable
as $$
declare
  found_id uuid;
begin
  select b.id into found_id
  from watchpost.bridge as b
  where b.removed_at is null and (b.name = normalize(name_or_id, nfc) or b.id::text = lower(name_or_id))
  order by b.name = normalize(name_or_id, nfc) desc
  limit 1;
  if found_id is null then
    raise exception 'There is no bridge %.', quote_literal(name_or_id)
      using errcode = 'WP170',
            hint = 'Bridges: ' || coalesce(
              (select string_agg(b.name, ', ' order by b.name) from watchpost.bridge as b where b.removed_at is null),
              'none yet'
            ) || '.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_bridge(text) is 'The id of a bridge by its name or id; an unknown one is an error (WP170).';


create or replace function watchpost.enable_bridge(bridge uuid) returns void
language plpgsql
as $$
begin
  update watchpost.bridge as b set enabled = true where b.id = watchpost.find_bridge(bridge::text) and not b.enabled;
end;
$$;

comment on function watchpost.enable_bridge(uuid) is 'Enables a bridge: it goes on where it stopped.';


create or replace function watchpost.disable_bridge(bridge uuid) returns void
language plpgsql
as $$
begin
  update watchpost.bridge as b set enabled = false where b.id = watchpost.find_bridge(bridge::text) and b.enabled;
end;
$$;

comment on function watchpost.disable_bridge(uuid) is 'Disables a bridge: nothing is published or read.';


create or replace function watchpost.remove_bridge(bridge uuid) returns void
language plpgsql
as $$
begin
  update watchpost.bridge as b
  set enabled = false, removed_at = now()
  where b.id = watchpost.find_bridge(bridge::text);
  delete from watchpost.bridge_secret as s where s.id = bridge;
end;
$$;

comment on function watchpost.remove_bridge(uuid) is 'Removes a bridge and its credentials; what came through it stays on record, and the name is free.';
