-- Sightings and visits of strangers, and the strangers who came several times.

create or replace view watchpost.stranger_sighting with (security_invoker = true) as
select
  g.stranger_id,
  g.person_id,
  sum(g.begins) over (partition by g.stranger_id order by g.seen_at, g.face_id)::integer as visit,
  g.seen_at,
  g.camera,
  g.location,
  g.face_id,
  g.image_id,
  g.norm
from (
  select
    s.id as stranger_id,
    s.person_id,
    f.seen_at,
    k.name as camera,
    k.location,
    f.face_id,
    i.image_id,
    f.norm,
    case
      when f.seen_at - lag(f.seen_at) over (partition by s.id order by f.seen_at, f.face_id) < u.visit_gap then 0
      else 1
    end as begins
  from watchpost.stranger as s
  join watchpost.stranger_face as f on f.stranger_id = s.id
  -- Outer joins, though each face has a photo: they are left out where neither photo nor camera is asked for.
  left join watchpost.face as i on i.id = f.face_id
  left join watchpost.image as p on p.id = i.image_id
  left join watchpost.camera_place as k on k.camera_id = p.camera_id and k.during @> p.captured_at
  cross join watchpost.stranger_setting as u
) as g;

comment on view   watchpost.stranger_sighting        is 'Every face of every stranger, with when, and where the camera was then.';
comment on column watchpost.stranger_sighting.visit  is 'Counted from 1: faces that are closer in time than visit_gap are one visit, so fifty frames of one minute are.';
comment on column watchpost.stranger_sighting.norm   is 'Of the embedding: the higher, the better the view.';


create or replace view watchpost.stranger_visit with (security_invoker = true) as
select
  v.stranger_id,
  v.person_id,
  v.visit,
  min(v.seen_at) as first_seen,
  max(v.seen_at) as last_seen,
  count(*)::integer as faces,
  coalesce(array_agg(distinct v.camera) filter (where v.camera is not null), '{}') as cameras,
  (array_agg(v.face_id order by v.norm desc, v.face_id))[1] as best_face_id,
  max(v.norm) as best_norm
from watchpost.stranger_sighting as v
group by v.stranger_id, v.person_id, v.visit;

comment on view watchpost.stranger_visit is 'Every visit of every stranger.';


create or replace view watchpost.recurring_stranger with (security_invoker = true) as
select
  v.stranger_id,
  count(distinct v.visit)::integer as visits,
  count(distinct v.seen_at::date)::integer as days,
  count(*)::integer as faces,
  min(v.seen_at) as first_seen,
  max(v.seen_at) as last_seen,
  coalesce(array_agg(distinct v.camera) filter (where v.camera is not null), '{}') as cameras,
  (array_agg(v.face_id order by v.norm desc, v.face_id))[1] as best_face_id
from watchpost.stranger_sighting as v
where v.person_id is null
group by v.stranger_id
having count(distinct v.visit) >= 2;

comment on view   watchpost.recurring_stranger              is 'Strangers who were seen in more than one visit and are not enrolled as a person.';
comment on column watchpost.recurring_stranger.days         is 'On how many dates, in the time zone of the session.';
comment on column watchpost.recurring_stranger.best_face_id is 'The best view: GET /v1/faces/ID/crop shows it.';
