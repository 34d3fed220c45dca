-- Changing a bridge, by the rules for a new one.
--
-- emits bridge.changed

create or replace function watchpost.set_bridge(bridge uuid, changes jsonb) returns void
language plpgsql
as $$
declare
  earlier watchpost.bridge;
  wanted watchpost.bridge;
  violated text;
begin
  select b.* into earlier
  from watchpost.bridge as b
  where b.id = watchpost.find_bridge(set_bridge.bridge::text)
  for update;
  wanted := jsonb_populate_record(earlier, changes);
  if changes ? 'camera' then
    wanted.camera_id := case when changes ->> 'camera' is not null then watchpost.find_camera(changes ->> 'camera') end;
  end if;
  begin
    update watchpost.bridge as b
    set name = wanted.name, url = wanted.url, address = wanted.address, topics = wanted.topics, mode = wanted.mode,
        camera_id = wanted.camera_id
    where b.id = earlier.id;
  exception
    when check_violation then
      get stacked diagnostics violated = constraint_name;
      perform watchpost.refuse_bridge(violated);
      raise;
  end;
  if changes ? 'credentials' then
    perform watchpost.set_bridge_secret(
      earlier.id,
      case jsonb_typeof(changes -> 'credentials')
        when 'object' then convert_to((changes -> 'credentials')::text, 'UTF8')
        else (changes ->> 'credentials')::bytea
      end
    );
  -- Whoever may change the URL could otherwise have them sent to a server of their own.
  elsif lower(substring(wanted.url from '^[^/]+//[^/]+')) <> lower(substring(earlier.url from '^[^/]+//[^/]+'))
    and exists (select from watchpost.bridge_secret as s where s.id = earlier.id)
  then
    raise exception 'The credentials of this bridge are for another server.'
      using errcode = 'WP171', hint = 'Give them with the new URL, or null if it needs none there.';
  end if;
end;
$$;

comment on function watchpost.set_bridge(uuid, jsonb) is 'Changes a bridge: {name, url, address, topics, mode, camera, credentials}, the credentials as an object, or as a text that is a bytea of it. What is absent stays; null is no camera or no credentials. Kind, direction, site and position stay. The errors are those of add_bridge; a URL at another server without the credentials for it is one too (WP171).';


create or replace function watchpost.set_bridge_secret(bridge uuid, secret bytea) returns void
language plpgsql
as $$
declare
  had boolean;
begin
  delete from watchpost.bridge_secret as s where s.id = bridge;
  had := found;
  if secret is not null then
    insert into watchpost.bridge_secret (id, secret) values (bridge, set_bridge_secret.secret);
  end if;
  if had or secret is not null then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'bridge.changed', b.id,
      jsonb_build_object(
        'bridge_id', b.id, 'name', b.name,
        'change', case when secret is null then 'credentials removed' else 'credentials replaced' end,
        'by', watchpost.actor()
      ),
      watchpost.subscribers('bridge.changed')
    from watchpost.bridge as b
    where b.id = bridge;
  end if;
end;
$$;

comment on function watchpost.set_bridge_secret(uuid, bytea) is 'Part of set_bridge: replaces or removes the credentials of a bridge, as a bridge.changed without them.';
