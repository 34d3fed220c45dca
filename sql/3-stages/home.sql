-- Home Assistant: what is published to a broker, retained, so that it finds a sensor for each person, a binary sensor for each
-- list and a picture of the latest alert. Computed from the tables each time; home_topic has what the broker has.
--
-- consumes home.due · writes home_topic, home · emits home.due

-- A person of a list that the endpoint is for is there whether seen or not. 500 at most, those that were listed first.
create or replace function watchpost.home_messages(endpoint uuid) returns table (
  topic text, payload text, face_id uuid, sha256 bytea
)
language plpgsql stable
as $$
begin
  return query
  with home as materialized (
    select
      e.id, e.site_id,
      coalesce(e.settings ->> 'topic', 'watchpost') as base,
      e.settings ->> 'home_assistant' as discovery,
      jsonb_build_object(
        'availability_topic', coalesce(e.settings ->> 'topic', 'watchpost') || '/status',
        'device', jsonb_build_object(
          'identifiers', jsonb_build_array('watchpost_' || e.id), 'name', 'Watchpost', 'manufacturer', 'Watchpost'
        )
      ) as common
    from watchpost.endpoint as e
    where e.id = home_messages.endpoint and e.removed_at is null and e.kind = 'mqtt' and e.settings ? 'home_assistant'
  ),
  lists as materialized (
    select w.id, w.name
    from home as h
    join watchpost.watchlist as w on h.site_id is null or w.site_id = h.site_id
    where w.enabled
      and (
        not exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = h.id)
        or exists (select from watchpost.endpoint_watchlist as l where l.endpoint_id = h.id and l.watchlist_id = w.id)
      )
  ),
  standing as materialized (
    select d.*
    from watchpost.alert_detail as d
    join lists as l on l.id = d.watchlist_id
    where d.withdrawn_at is null and d.state <> 'dismissed'
  ),
  people as materialized (
    select p.id, p.name, min(w.created_at) as listed_at, jsonb_agg(l.name order by l.name) as lists
    from lists as l
    join watchpost.watchlist_entry as w on w.watchlist_id = l.id
    join watchpost.person as p on p.id = w.person_id and p.merged_into is null
    group by p.id, p.name
    order by listed_at, p.id
    limit 500
  ),
  latest as materialized (
    select s.* from standing as s order by s.created_at desc, s.id desc limit 1
  ),
  messages (place, topic, payload, face_id, sha256) as (
    select
      1, format('%s/sensor/watchpost/person_%s/config', h.discovery, replace(p.id::text, '-', '')),
      (h.common || jsonb_build_object(
        'name', p.name, 'unique_id', 'watchpost_person_' || p.id, 'icon', 'mdi:account',
        'state_topic', format('%s/person/%s/state', h.base, p.id),
        'json_attributes_topic', format('%s/person/%s/attributes', h.base, p.id)
      ))::text, null::uuid, null::bytea
    from home as h cross join people as p
    union all
    select
      2, format('%s/person/%s/%s', h.base, p.id, m.what),
      case m.what
        when 'state' then coalesce(s.location, s.camera, case when s.id is null then 'not seen' else 'unknown' end)
        else jsonb_build_object(
          'camera', s.camera, 'location', s.location, 'zone', s.zone, 'since', watchpost.utc(s.first_seen),
          'last_seen', watchpost.utc(s.last_seen), 'alert_id', s.id, 'lists', p.lists
        )::text
      end,
      null, null
    from home as h
    cross join people as p
    cross join unnest('{state,attributes}'::text[]) as m (what)
    left join lateral (
      select t.* from standing as t where t.person_id = p.id order by t.last_seen desc, t.id desc limit 1
    ) as s on true
    union all
    select
      3, format('%s/binary_sensor/watchpost/list_%s/config', h.discovery, replace(l.id::text, '-', '')),
      (h.common || jsonb_build_object(
        'name', l.name, 'unique_id', 'watchpost_list_' || l.id, 'device_class', 'problem',
        'state_topic', format('%s/list/%s/state', h.base, l.id),
        'json_attributes_topic', format('%s/list/%s/attributes', h.base, l.id)
      ))::text, null, null
    from home as h cross join lists as l
    union all
    select
      4, format('%s/list/%s/%s', h.base, l.id, m.what),
      case m.what
        when 'state' then case when n.open > 0 then 'ON' else 'OFF' end
        else jsonb_build_object('open', n.open)::text
      end,
      null, null
    from home as h
    cross join lists as l
    cross join unnest('{state,attributes}'::text[]) as m (what)
    cross join lateral (
      select count(*) as open from standing as s where s.watchlist_id = l.id and s.state in ('open', 'acknowledged')
    ) as n
    union all
    select
      5, h.discovery || '/image/watchpost/latest/config',
      (h.common || jsonb_build_object(
        'name', 'Latest alert', 'unique_id', 'watchpost_latest_' || h.id, 'image_topic', h.base || '/latest/image',
        'content_type', 'image/png', 'json_attributes_topic', h.base || '/latest/attributes'
      ))::text, null, null
    from home as h
    union all
    select
      6, h.base || '/latest/attributes',
      jsonb_build_object(
        'person', a.person, 'list', a.watchlist, 'camera', a.camera, 'location', a.location,
        'last_seen', watchpost.utc(a.last_seen), 'alert_id', a.id
      )::text, null, null
    from home as h cross join latest as a
    union all
    select 7, h.base || '/latest/image', null, f.id, watchpost.plain_sha256(f.crop)
    from home as h
    cross join latest as a
    join watchpost.face as f on f.id = a.face_id and octet_length(f.crop) > 0
  )
  select m.topic, m.payload, m.face_id, coalesce(m.sha256, sha256(convert_to(m.payload, 'UTF8')))
  from messages as m
  order by m.place, m.topic;
end;
$$;

comment on function watchpost.home_messages(uuid) is 'All retained messages of an endpoint for Home Assistant: a text, or the crop of a face. None of an endpoint that was removed, or is not for it.';


create or replace function watchpost.is_home_behind(endpoint uuid) returns boolean
language plpgsql stable
as $$
begin
  return exists (
    (
      select m.topic, m.sha256 from watchpost.home_messages(is_home_behind.endpoint) as m
      except
      select t.topic, t.sha256 from watchpost.home_topic as t where t.endpoint_id = is_home_behind.endpoint
    )
    union all
    (
      select t.topic, null::bytea from watchpost.home_topic as t where t.endpoint_id = is_home_behind.endpoint
      except
      select m.topic, null::bytea from watchpost.home_messages(is_home_behind.endpoint) as m
    )
  );
end;
$$;

comment on function watchpost.is_home_behind(uuid) is 'Whether the broker of an endpoint has something else than home_messages() says.';


-- Who finds that a job is due anyway leaves it at that.
create or replace function watchpost.want_home(endpoints uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  with wanted as (
    update watchpost.home as h
    set due_since = clock_timestamp()
    where h.endpoint_id = any (endpoints) and (h.due_since is null or h.due_since < clock_timestamp() - interval '10 minutes')
    returning h.endpoint_id
  )
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select 'home.due', w.endpoint_id, jsonb_build_object('endpoint_id', w.endpoint_id), watchpost.subscribers('home.due')
  from wanted as w;
end;
$$;

comment on function watchpost.want_home(uuid[]) is 'One home.due for each of these endpoints that has none which is still to be done.';


-- At once for alerts. Everything else, and what a job has just missed, is found by note_home() within 15 s.
create or replace function watchpost.follow_home() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  behind uuid[] := array(select h.endpoint_id from watchpost.home as h where h.due_since is null);
begin
  if behind <> '{}' then
    perform watchpost.want_home(behind);
  end if;
  return null;
end;
$$;

comment on function watchpost.follow_home() is 'home.due for every endpoint of Home Assistant, when alerts were raised or changed.';

create or replace trigger alert_home after insert or update on watchpost.alert
for each statement execute function watchpost.follow_home();


create or replace function watchpost.note_home() returns integer
language plpgsql
as $$
declare
  behind uuid[];
begin
  insert into watchpost.home (endpoint_id)
  select e.id
  from watchpost.endpoint as e
  where e.kind = 'mqtt' and e.settings ? 'home_assistant' and e.enabled
  on conflict do nothing;
  behind := array(
    select h.endpoint_id
    from watchpost.home as h
    join watchpost.endpoint as e on e.id = h.endpoint_id and (e.enabled or e.removed_at is not null)
    where watchpost.is_home_behind(h.endpoint_id)
  );
  perform watchpost.want_home(behind);
  return cardinality(behind);
end;
$$;

comment on function watchpost.note_home() is 'Part of page_alerts: home.due for each endpoint whose broker is behind; returns how many.';


create or replace function watchpost.write_home(passed uuid[], events uuid[]) returns integer
language sql
begin atomic
  select cardinality(passed);
end;

comment on function watchpost.write_home is 'home: nothing, as what was published is in home_topic by then.';


create or replace function watchpost.hold_home(worker uuid) returns uuid[]
language plpgsql
as $$
declare
  held uuid[];
begin
  with taken as (
    update watchpost.home as h
    set worker_id = hold_home.worker
    from watchpost.endpoint as e
    where e.id = h.endpoint_id and e.enabled
      and h.worker_id is distinct from hold_home.worker
      and not exists (
        select from watchpost.worker as w where w.id = h.worker_id and w.stopped_at is null and w.lost_at is null
      )
    returning h.endpoint_id
  )
  select array_agg(t.id) into held
  from (
    select k.endpoint_id from taken as k
    union
    select h.endpoint_id
    from watchpost.home as h
    join watchpost.endpoint as e on e.id = h.endpoint_id and e.enabled
    where h.worker_id = hold_home.worker
  ) as t (id);
  return coalesce(held, '{}');
end;
$$;

comment on function watchpost.hold_home(uuid) is 'The endpoints at whose brokers this worker says that Watchpost is there: its own, and those of workers that are gone.';
