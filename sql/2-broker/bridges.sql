-- Bridges: finding, adding, enabling, disabling, removing; and the lease, by which one process at a time does the work of
-- each. What they do: src/bridge.
--
-- emits bridge.changed, bridge.refused

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


create or replace function watchpost.add_bridge(
  name           text,
  kind           text,
  direction      text,
  url            text,
  address        text,
  topics         text[] default null,
  mode           text default 'structured',
  camera         text default null,
  credentials    jsonb default null,
  from_beginning boolean default false
) returns uuid
language plpgsql
as $$
declare
  bridge uuid;
  violated text;
begin
  begin
    insert into watchpost.bridge as b (name, kind, direction, url, address, topics, mode, camera_id)
    values (
      add_bridge.name, add_bridge.kind, add_bridge.direction, add_bridge.url, add_bridge.address,
      coalesce(add_bridge.topics, case when add_bridge.direction = 'out' then '{alert.*}'::text[] else '{}' end),
      add_bridge.mode, case when camera is not null then watchpost.find_camera(camera) end
    )
    returning b.id into bridge;
  exception
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      if violated = 'bridge_url' or violated = 'bridge_url_scheme' then
        raise exception 'The URL of the broker cannot be used.'
          using errcode = 'WP171',
                hint = 'Give one like kafka://host:9092, amqp://host:5672/vhost, nats://host:4222 or mqtt://host:1883, of the same kind, without user and password: those are given as credentials.';
      elsif violated = 'bridge_topics' then
        raise exception 'The topics of the events cannot be used.'
          using errcode = 'WP171', hint = 'Give 1 to 100 like alert.raised or alert.* for what is published, and none for what comes in.';
      end if;
      raise;
  end;
  if credentials is not null then
    insert into watchpost.bridge_secret (id, secret) values (bridge, convert_to(credentials::text, 'UTF8'));
  end if;
  if from_beginning and add_bridge.direction = 'out' then
    update watchpost.bridge_state as s set position = '1:1:' where s.bridge_id = bridge;
  end if;
  return bridge;
end;
$$;

comment on function watchpost.add_bridge is 'Adds a bridge and returns its id. topics null: alert.* where events go out. credentials: {"username", "password"} or {"token"}. from_beginning: the events on record are published first. A URL or topics that cannot be used are an error (WP171).';


create or replace function watchpost.enable_bridge(bridge uuid, enabled boolean default true) returns void
language plpgsql
as $$
begin
  update watchpost.bridge as b
  set enabled = enable_bridge.enabled
  where b.id = watchpost.find_bridge(bridge::text) and b.enabled <> enable_bridge.enabled;
end;
$$;

comment on function watchpost.enable_bridge is 'Enables or disables a bridge. One that was disabled goes on where it stopped.';


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


-- the lease -----------------------------------------------------------------------------------------------------------

create or replace function watchpost.hold_bridges(process uuid, lease interval) returns table (
  id uuid, site_id uuid, name text, kind text, direction text, url text, address text, topics text[], mode text,
  camera text
)
language plpgsql
as $$
begin
  return query
  with held as (
    update watchpost.bridge_state as s
    set holder = process, held_until = clock_timestamp() + lease
    from watchpost.bridge as b
    where b.id = s.bridge_id
      and b.enabled
      and (s.holder is null or s.holder = process or s.held_until < clock_timestamp())
    returning s.bridge_id
  )
  select
    b.id, b.site_id, b.name, b.kind, b.direction, b.url, b.address, b.topics, b.mode,
    (select c.id::text from watchpost.camera as c where c.id = b.camera_id)
  from held as h
  join watchpost.bridge as b on b.id = h.bridge_id
  order by b.id;
end;
$$;

comment on function watchpost.hold_bridges is 'Takes, or keeps, the lease of every enabled bridge that no other living process has, and returns those.';


create or replace function watchpost.release_bridge(bridge uuid, process uuid) returns void
language sql
as $$
  update watchpost.bridge_state as s
  set holder = null, held_until = null, connected_at = null
  where s.bridge_id = bridge and s.holder = process;
$$;

comment on function watchpost.release_bridge is 'Ends the lease of a process, so that another need not wait for its end.';


create or replace function watchpost.note_published(bridge uuid, process uuid, up_to text, messages integer) returns boolean
language plpgsql
as $$
begin
  update watchpost.bridge_state as s
  set position = up_to, published = s.published + messages, error = null,
    last_at = case when messages > 0 then clock_timestamp() else s.last_at end
  where s.bridge_id = bridge and s.holder = process;
  return found;
end;
$$;

comment on function watchpost.note_published is 'All events up to a position are confirmed by the broker. False: the process has lost the lease.';


create or replace function watchpost.note_bridge(
  bridge uuid, process uuid, connected boolean, received integer default 0, refused integer default 0, error text default null
) returns void
language sql
as $$
  update watchpost.bridge_state as s
  set connected_at = case when connected then coalesce(s.connected_at, clock_timestamp()) end,
    received = s.received + note_bridge.received, refused = s.refused + note_bridge.refused,
    error = left(note_bridge.error, 1000),
    last_at = case when note_bridge.received > 0 then clock_timestamp() else s.last_at end
  where s.bridge_id = bridge and s.holder = process;
$$;

comment on function watchpost.note_bridge is 'Notes whether the broker is connected, what came in since the last time, and what is wrong.';


create or replace function watchpost.refuse_message(
  bridge uuid, message text, place text, bytes bigint, sha256 bytea, code text, reason text
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'bridge.refused', bridge,
    jsonb_strip_nulls(jsonb_build_object(
      'bridge_id', bridge, 'message_id', left(message, 1000), 'place', left(place, 1000), 'bytes', bytes,
      'sha256', encode(sha256, 'hex'), 'code', code, 'reason', left(reason, 1000)
    )),
    watchpost.subscribers('bridge.refused')
  );
end;
$$;

comment on function watchpost.refuse_message is 'Records a message that becomes no photo, before it is acknowledged: its id, its place in the queue, its length and hash, and why. Not its content, which may be anything.';
