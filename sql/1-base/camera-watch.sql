-- Which worker takes the frames of which camera: a lease each, kept by calling lease_cameras() again and again.

-- Of another worker only what is not leased any more, and a few at a time, so that several workers share the cameras. Two
-- that ask at the same moment: the second one waits for the row and finds it leased.
create or replace function watchpost.lease_cameras(
  of_watcher uuid, for_time interval, reports jsonb default '[]', most integer default 2
) returns table (
  camera_id uuid, name text, source text, userinfo text, rate real, frame_width integer, region jsonb,
  "position" text, secret_changed_at timestamptz
)
language plpgsql
as $$
begin
  update watchpost.camera_watch as w
  set
    leased_until = clock_timestamp() + for_time,
    state = coalesce(r.state, w.state),
    problem = r.problem,
    connected_at = case
      when coalesce(r.state, w.state) <> 'watching' then null
      when r.reconnects > 0 then clock_timestamp()
      else coalesce(w.connected_at, clock_timestamp())
    end,
    position = coalesce(r.position, w.position),
    last_frame_at = coalesce(r.last_frame_at, w.last_frame_at),
    read = w.read + coalesce(r.read, 0),
    submitted = w.submitted + coalesce(r.submitted, 0),
    known = w.known + coalesce(r.known, 0),
    dropped = w.dropped + coalesce(r.dropped, 0),
    reconnects = w.reconnects + coalesce(r.reconnects, 0)
  from watchpost.camera_watch as held
  left join jsonb_to_recordset(reports) as r (
    camera_id uuid, state text, problem text, position text, last_frame_at timestamptz,
    read bigint, submitted bigint, known bigint, dropped bigint, reconnects bigint
  ) on r.camera_id = held.camera_id
  where w.camera_id = held.camera_id and held.watcher = of_watcher;

  update watchpost.camera_watch as w
  set watcher = null, leased_until = clock_timestamp()
  from watchpost.camera as c
  where w.watcher = of_watcher and c.id = w.camera_id and (c.source is null or w.state = 'ended');

  insert into watchpost.camera_watch as w (camera_id, watcher, leased_until)
  select c.id, of_watcher, clock_timestamp() + for_time
  from watchpost.camera as c
  left join watchpost.camera_watch as held on held.camera_id = c.id
  where c.source is not null
    and (held.camera_id is null or (held.leased_until <= clock_timestamp() and held.state <> 'ended'))
  order by c.id
  limit most
  on conflict on constraint camera_watch_pkey do update
  set watcher = excluded.watcher, leased_until = excluded.leased_until, since = clock_timestamp(), state = 'connecting',
      problem = null, connected_at = null
  where w.leased_until <= clock_timestamp() and w.state <> 'ended';

  return query
  select
    c.id, c.name, c.source, s.userinfo, coalesce(c.frames_per_second, 1::real), c.frame_width,
    case when c.region_x is not null then
      jsonb_build_object('x', c.region_x, 'y', c.region_y, 'width', c.region_width, 'height', c.region_height)
    end,
    w.position, s.changed_at
  from watchpost.camera_watch as w
  join watchpost.camera as c on c.id = w.camera_id
  left join watchpost.camera_secret as s on s.camera_id = c.id
  where w.watcher = of_watcher;
end;
$$;

comment on function watchpost.lease_cameras is 'Extends the leases of a watcher, notes what it reports of its cameras, gives it up to so many that nobody watches, and returns all that it has, with their credentials.';


create or replace function watchpost.release_cameras(of_watcher uuid) returns void
language sql
begin atomic
  update watchpost.camera_watch as w
  set watcher = null, leased_until = clock_timestamp()
  where w.watcher = of_watcher;
end;

comment on function watchpost.release_cameras(uuid) is 'Ends the leases of a watcher: others may take its cameras at once.';


create or replace function watchpost.begin_source() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update watchpost.camera_watch as w
  set state = 'connecting', problem = null, connected_at = null, position = null
  where w.camera_id = new.id;
  return null;
end;
$$;

comment on function watchpost.begin_source() is 'Another source is read from its beginning, also if the one before it has ended.';

create or replace trigger camera_source_begin after update on watchpost.camera
for each row when (new.source is distinct from old.source)
execute function watchpost.begin_source();


-- The outbox has the camera as the source of an event: no photo is read.
create or replace function watchpost.frames_waiting(camera uuid, most integer) returns integer
language sql stable
begin atomic
  select count(*)::integer
  from (
    select
    from watchpost.outbox as o
    where o.task = 'detect' and o.topic = 'image.received' and o.source = camera::text
    limit most
  ) as o;
end;

comment on function watchpost.frames_waiting(uuid, integer) is 'How many photos of a camera wait to be searched for faces; no more than so many are counted.';
