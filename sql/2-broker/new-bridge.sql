-- Adding a bridge: a row, its credentials.

create or replace function watchpost.refuse_bridge(violated text) returns void
language plpgsql immutable
as $$
begin
  if violated in ('bridge_url', 'bridge_url_scheme') then
    raise exception 'The URL of the broker cannot be used.'
      using errcode = 'WP171',
            hint = 'Give one like kafka://host:9092, amqp://host:5672/vhost, nats://host:4222 or mqtt://host:1883, of the same kind, without user and password: those are given as credentials.';
  elsif violated = 'bridge_topics' then
    raise exception 'The topics of the events cannot be used.'
      using errcode = 'WP171', hint = 'Give 1 to 100 like alert.raised or alert.* for what is published, and none for what comes in.';
  elsif violated = 'bridge_camera_in' then
    raise exception 'A camera is for photos that come in.'
      using errcode = 'WP171', hint = 'Of a bridge that publishes, topics and {camera} in the address say what goes where.';
  end if;
end;
$$;

comment on function watchpost.refuse_bridge(text) is 'Raises what is wrong with a bridge (WP171), by the name of the constraint that it violates. Of another constraint nothing.';


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
      perform watchpost.refuse_bridge(violated);
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
