-- Where people were seen.

create or replace view watchpost.sighting with (security_invoker = true) as
select
  m.id as match_id,
  m.person_id,
  p.name as person,
  w.name as watchlist,
  coalesce(t.began_at, i.captured_at) as seen_at,
  k.name as camera,
  k.location,
  k.zone,
  m.similarity,
  m.threshold,
  m.image_id,
  m.face_id,
  am.alert_id,
  m.retroactive,
  i.camera_id,
  case when c.location = k.location then c.plan_id end as plan_id,
  case when c.location = k.location then c.plan_x end as plan_x,
  case when c.location = k.location then c.plan_y end as plan_y,
  coalesce(t.ended_at, i.captured_at) as seen_until,
  t.id as track_id,
  coalesce(t.faces, 1) as faces
from watchpost.match as m
join watchpost.person as p on p.id = m.person_id
join watchpost.watchlist as w on w.id = m.watchlist_id
join watchpost.image as i on i.id = m.image_id
join watchpost.face as f on f.id = m.face_id
left join watchpost.track as t on t.id = f.track_id
left join watchpost.camera_place as k on k.camera_id = i.camera_id and k.during @> i.captured_at
left join watchpost.camera as c on c.id = i.camera_id
left join watchpost.alert_match as am on am.match_id = m.id
where m.superseded_at is null;

comment on view   watchpost.sighting             is 'Who was seen when and where: one row for each current match, of a single photo or of a track. A person on two lists has two. Where is the place of the camera at that time.';
comment on column watchpost.sighting.retroactive is 'It was found afterwards: the person was enrolled, listed or corrected after the face was seen.';
comment on column watchpost.sighting.seen_until  is 'Of a track, when it was seen last; of a single photo as seen_at.';
comment on column watchpost.sighting.track_id    is 'The track that the match is of; null: of a single photo.';
comment on column watchpost.sighting.faces       is 'How many faces the track has; 1 of a single photo.';
comment on column watchpost.sighting.plan_id     is 'The plan that the camera is on; null: on none, or the camera has been at another location since. plan_x and plan_y: where on it, as in watchpost.camera.';


create or replace view watchpost.last_seen with (security_invoker = true) as
select distinct on (s.person_id)
  s.person_id, s.person, s.seen_until as seen_at, s.camera, s.location, s.zone, s.similarity, s.image_id, s.face_id
from watchpost.sighting as s
order by s.person_id, s.seen_until desc, s.similarity desc;

comment on view watchpost.last_seen is 'The latest known location of each person who was seen.';


create or replace function watchpost.path(
  person uuid, since timestamptz default null, until timestamptz default null, apart interval default '30 minutes'
) returns table (
  camera text, location text, zone text, arrived_at timestamptz, left_at timestamptz, sightings bigint, similarity real,
  camera_id uuid, plan_id uuid, plan_x real, plan_y real
)
language sql stable
begin atomic
  with seen as (
    -- Counted by face, which may stand for a track, because a person on two lists has two matches for it.
    select distinct on (m.face_id)
      m.face_id, m.similarity, coalesce(t.began_at, i.captured_at) as captured_at,
      coalesce(t.ended_at, i.captured_at) as ended_at, i.camera_id, k.name as camera, k.location, k.zone, k.during
    from watchpost.match as m
    join watchpost.image as i on i.id = m.image_id
    join watchpost.face as f on f.id = m.face_id
    left join watchpost.track as t on t.id = f.track_id
    left join watchpost.camera_place as k on k.camera_id = i.camera_id and k.during @> i.captured_at
    where m.person_id = watchpost.survivor(path.person)
      and m.superseded_at is null
      and (path.since is null or i.captured_at >= path.since)
      and (path.until is null or i.captured_at < path.until)
  ),
  stepped as (
    select
      s.*,
      (s.camera_id, s.during) is distinct from (lag(s.camera_id) over way, lag(s.during) over way)
        or s.captured_at > lag(s.ended_at) over way + path.apart
        or lag(s.face_id) over way is null as begins
    from seen as s
    window way as (order by s.captured_at, s.face_id)
  ),
  numbered as (
    select s.*, count(*) filter (where s.begins) over (order by s.captured_at, s.face_id) as stay
    from stepped as s
  )
  select
    n.camera, n.location, n.zone, min(n.captured_at), max(n.ended_at), count(*), max(n.similarity),
    n.camera_id, c.plan_id, c.plan_x, c.plan_y
  from numbered as n
  left join watchpost.camera as c on c.id = n.camera_id and c.location = n.location
  group by n.stay, n.camera, n.location, n.zone, n.camera_id, c.id
  order by n.stay;
end;

comment on function watchpost.path is 'The path of a person: each stay before a camera, from the first sighting to the last, oldest first. A camera that was moved is another place. Sightings with more than the interval apart between them are two stays.';
