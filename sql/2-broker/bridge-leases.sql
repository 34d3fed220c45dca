-- The lease of a bridge, by which one process at a time does its work, and what that process notes: src/bridge.
--
-- emits bridge.refused

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
