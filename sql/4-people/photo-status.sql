-- The state of each photo of a person.

-- A function, so that a session plans it once, as image_tasks.
create or replace function watchpost.photo_tasks(photo uuid) returns table (
  event_id uuid, topic text, task text, outcome text, code text, error text
)
language plpgsql stable rows 5 set jit = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select t.event_id, t.topic, t.task, t.outcome, t.code, t.error
  from watchpost.person_photo as p
  join watchpost.image as i on i.id = p.image_id
  join watchpost.event_task as t on t.image_id = p.image_id
  where p.id = photo
    and (
      (t.topic in ('photo.added', 'photo.embedded') and t.payload ->> 'person_photo_id' = photo::text)
      or (t.topic = 'face.detected' and i.purpose = 'reference')
    );
end;
$$;

comment on function watchpost.photo_tasks(uuid) is 'event_task for one photo of a person: only the events that enrol it.';


create or replace view watchpost.photo_status as
select
  p.id as person_photo_id,
  p.person_id,
  e.name as person,
  case
    when p.removed_at is not null then 'removed'
    when r.id is not null then 'enrolled'
    when t.code is not null then 'refused'
    when t.begun then 'processing'
    else 'received'
  end as state,
  case when p.removed_at is null and r.id is null then t.code end as code,
  case
    when p.removed_at is not null then p.removal_reason
    when r.id is null then t.error
  end as message,
  p.image_id,
  p.chosen_face,
  f.id as face_id,
  r.id as reference_id,
  r.model_id,
  r.created_at as enrolled_at,
  f.height_px,
  f.sharpness,
  f.yaw,
  f.pitch,
  f.roll,
  f.score,
  v.norm,
  f.gate,
  p.accept,
  p.created_at,
  p.removed_at,
  p.removed_by
from watchpost.person_photo as p
join watchpost.person as e on e.id = p.person_id
left join lateral (
  select r.*
  from watchpost.reference as r
  where r.person_photo_id = p.id and r.superseded_at is null
  order by r.id desc
  limit 1
) as r on true
left join lateral (
  select f.*
  from watchpost.face as f
  where f.image_id = p.image_id and f.ordinal = coalesce(p.chosen_face, 1) and f.superseded_at is null
) as f on true
left join lateral (
  select v.norm
  from watchpost.embedding as v
  where v.face_id = f.id and v.superseded_at is null
  order by v.id desc
  limit 1
) as v on true
cross join lateral (
  select
    (array_agg(t.code order by t.event_id) filter (where t.outcome in ('failed', 'gone')))[1] as code,
    (array_agg(t.error order by t.event_id) filter (where t.outcome in ('failed', 'gone')))[1] as error,
    count(t.outcome) > 0 as begun
  from watchpost.photo_tasks(p.id) as t
) as t;

comment on view   watchpost.photo_status         is 'The state of each photo of a person, with the quality of its view of the face.';
comment on column watchpost.photo_status.state   is 'received; processing; enrolled; refused: see code and message; removed.';
comment on column watchpost.photo_status.code    is 'Why it was refused: a stable code.';
comment on column watchpost.photo_status.message is 'The same in a sentence; of a photo that was removed, the reason that was given.';


create or replace view watchpost.best_photo as
select distinct on (s.person_id)
  s.person_id, s.person, s.person_photo_id, s.reference_id, s.face_id, s.image_id, s.norm, s.sharpness, s.height_px
from watchpost.photo_status as s
where s.state = 'enrolled'
order by s.person_id, s.norm desc, s.sharpness desc, s.height_px desc, s.person_photo_id;

comment on view watchpost.best_photo is 'For each person the enrolled photo with the best view of the face: the greatest embedding norm, then sharpness, then height.';
