-- What bridges publish: events with the camera and the site that they are about, and how many wait.

create or replace function watchpost.event_place(
  topic text, subject_id uuid, image_id uuid, payload jsonb, out site_id uuid, out camera_id uuid
)
language plpgsql stable
as $$
declare
  image uuid := image_id;
begin
  if image is null and payload ? 'alert_id' then
    select m.image_id into image
    from watchpost.alert as a
    join watchpost.match as m on m.id = a.best_match_id
    where a.id = (payload ->> 'alert_id')::uuid;
  end if;
  if image is not null then
    select i.site_id, i.camera_id into site_id, camera_id from watchpost.image as i where i.id = image;
  elsif topic like 'camera.%' then
    select c.site_id, c.id into site_id, camera_id from watchpost.camera as c where c.id = subject_id;
  end if;
exception
  -- A consumer of your own may write events with other ids.
  when invalid_text_representation then null;
end;
$$;

comment on function watchpost.event_place is 'The site and the camera that an event is about: those of its photo, or of its alert''s. null: it is about none, or the photo was deleted.';


create or replace function watchpost.topic_patterns(topics text[]) returns text[]
language sql immutable
return (select coalesce(array_agg(replace(replace(t, '_', '\_'), '*', '%')), '{}') from unnest(topics) as t);

comment on function watchpost.topic_patterns(text[]) is 'The topics of a bridge as patterns of LIKE.';


-- With its owner's rights: policies would be asked about every event of other sites on the way.
create or replace function watchpost.xid_beyond(xid xid8, events integer) returns xid8
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return (select e.xid from watchpost.event as e where e.xid >= xid_beyond.xid order by e.xid, e.id offset events limit 1);
end;
$$;

comment on function watchpost.xid_beyond(xid8, integer) is 'The transaction that so many events of the record lead to from another one; null: there are fewer.';


create or replace function watchpost.bridge_waiting(
  topics text[], "position" text, out events integer, out since timestamptz
)
language plpgsql stable
as $$
declare
  before constant pg_snapshot := split_part("position", '/', 1)::pg_snapshot;
  patterns constant text[] := watchpost.topic_patterns(topics);
  last_xid constant xid8 := coalesce(nullif(split_part("position", '/', 3), ''), '0')::xid8;
  last_id constant uuid := coalesce(nullif(split_part("position", '/', 4), ''), '00000000-0000-0000-0000-000000000000')::uuid;
  first_xid constant xid8 := greatest(pg_snapshot_xmin(before), last_xid);
  -- A bridge that was away for weeks would otherwise have the whole record read: 0.3 s for a million events.
  end_xid constant xid8 := watchpost.xid_beyond(first_xid, 20000);
begin
  select count(*)::integer, min(w.created_at) into events, since
  from (
    select e.created_at
    from watchpost.event as e
    where e.xid >= first_xid
      and (end_xid is null or e.xid <= end_xid)
      and not pg_visible_in_snapshot(e.xid, before)
      and (e.xid, e.id) > (last_xid, last_id)
      and e.topic like any (patterns)
    order by e.xid, e.id
    limit 10000
  ) as w;
end;
$$;

comment on function watchpost.bridge_waiting is 'How many events are to be published after a position, 10000 at most and among the next 20000 of the record, and since when the first one waits. Events of other sites count too.';


create or replace view watchpost.bridge_status with (security_invoker = true) as
select
  b.id, b.site_id, b.name, b.kind, b.direction, b.url, b.address, b.topics, b.mode,
  (select c.name from watchpost.camera as c where c.id = b.camera_id) as camera,
  b.enabled,
  s.connected_at is not null and s.held_until > clock_timestamp() as connected,
  s.published, s.received, s.refused, s.last_at, s.error,
  coalesce(w.events, 0) as waiting,
  w.since as waiting_since,
  b.created_at,
  case when s.held_until > clock_timestamp() then s.connected_at end as connected_at,
  s.position,
  exists (select from watchpost.bridge_secret as c where c.id = b.id) as has_credentials
from watchpost.bridge as b
join watchpost.bridge_state as s on s.bridge_id = b.id
left join lateral watchpost.bridge_waiting(b.topics, s.position) as w on b.direction = 'out'
where b.removed_at is null;

comment on view   watchpost.bridge_status           is 'Every bridge with what it has done, without its credentials.';
comment on column watchpost.bridge_status.connected is 'Whether a process is connected to the broker for it now.';
comment on column watchpost.bridge_status.connected_at is 'Since when; null: it is not.';
comment on column watchpost.bridge_status.position  is 'As in bridge_state. Out: all events up to it are with the broker.';
comment on column watchpost.bridge_status.waiting   is 'Events that are still to be published, 10000 at most, among the next 20000 of the record.';
comment on column watchpost.bridge_status.waiting_since is 'Since when the first of them waits.';


create or replace view watchpost.bridge_refusal with (security_invoker = true) as
select
  e.id,
  e.subject_id as bridge_id,
  e.payload ->> 'message_id' as message_id,
  e.payload ->> 'place' as place,
  (e.payload ->> 'bytes')::bigint as bytes,
  e.payload ->> 'sha256' as sha256,
  e.payload ->> 'code' as code,
  e.payload ->> 'reason' as reason,
  e.created_at
from watchpost.event as e
where e.topic = 'bridge.refused';

comment on view watchpost.bridge_refusal is 'The messages that came in by a bridge and became no photo, and why.';
