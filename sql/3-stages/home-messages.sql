-- What Home Assistant is to be told: the retained messages of a broker, computed from the tables.

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
