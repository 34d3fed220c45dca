-- The state of each photo of a person.

-- A refusal is recorded as a code and a sentence. The sentence of face_of_another, which assert_like_nobody_else makes, has
-- the other person's id in it, and no other.
create or replace function watchpost.person_named_in(sentence text) returns uuid
language sql immutable strict parallel safe
return substring(sentence from '[(]([0-9a-f-]{36})[)], who is enrolled')::uuid;

comment on function watchpost.person_named_in(text) is 'The person whom the sentence of face_of_another names.';



-- A function, so that a session plans it once, as image_tasks.
create or replace function watchpost.photo_tasks(photo uuid) returns table (
  event_id uuid, topic text, task text, outcome text, code text, error text
)
language plpgsql stable rows 5 cost 4000 set jit = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select t.event_id, t.topic, t.task, t.outcome, t.code, t.error
  from watchpost.person_photo as p
  join watchpost.image as i on i.id = p.image_id
  cross join lateral watchpost.image_tasks(i.id, i.received_at) as t
  where p.id = photo
    and (
      (t.topic in ('photo.added', 'photo.embedded') and t.payload ->> 'person_photo_id' = photo::text)
      or (t.topic = 'face.detected' and i.purpose = 'reference')
    );
end;
$$;

comment on function watchpost.photo_tasks(uuid) is 'event_task for one photo of a person: only the events that enrol it.';


create or replace view watchpost.photo_status with (security_invoker = true) as
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
  p.removed_by,
  (select i.undecoded_share is not null from watchpost.image as i where i.id = p.image_id) as damaged,
  nullif(
    watchpost.survivor(
      case
        when p.removed_at is not null then null
        when r.id is not null then r.looks_like
        when t.code = 'face_of_another' then watchpost.person_named_in(t.error)
      end
    ),
    p.person_id
  ) as looks_like
from watchpost.person_photo as p
join watchpost.person as e on e.id = p.person_id
left join lateral (
  select r.id, r.model_id, r.created_at, r.looks_like
  from watchpost.reference as r
  where r.person_photo_id = p.id and r.superseded_at is null
  order by r.id desc
  limit 1
) as r on true
left join lateral (
  select f.id, f.height_px, f.sharpness, f.yaw, f.pitch, f.roll, f.score, f.gate
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
    (array_agg(t.code order by t.event_id) filter (where t.outcome in ('refused', 'failed', 'gone')))[1] as code,
    (array_agg(t.error order by t.event_id) filter (where t.outcome in ('refused', 'failed', 'gone')))[1] as error,
    count(t.outcome) > 0 as begun
  from watchpost.photo_tasks(p.id) as t
) as t;

comment on view   watchpost.photo_status         is 'The state of each photo of a person, with the quality of its view of the face.';
comment on column watchpost.photo_status.state   is 'received; processing; enrolled; refused: see code and message; removed.';
comment on column watchpost.photo_status.code    is 'Why it was refused: a stable code.';
comment on column watchpost.photo_status.looks_like is 'Another enrolled person who looks like this face. If the two are one, merge_persons(looks_like, person_id) makes them one, and enrols the photo if it was refused for that.';
comment on column watchpost.photo_status.message is 'The same in a sentence; of a photo that was removed, the reason that was given.';
comment on column watchpost.photo_status.damaged is 'Whether its file is cut off or broken; the face that it enrols lies within the part that could be decoded.';


-- From the references alone: photo_status also reads the events of each photo, which took 8 s for 20,000 people.
create or replace view watchpost.best_photo with (security_invoker = true) as
select
  e.id as person_id, e.name as person, b.person_photo_id, b.reference_id, b.face_id, b.image_id, b.norm, b.sharpness,
  b.height_px
from watchpost.person as e
cross join lateral (
  select p.id as person_photo_id, r.id as reference_id, f.id as face_id, p.image_id, v.norm, f.sharpness, f.height_px
  from watchpost.reference as r
  join watchpost.person_photo as p on p.id = r.person_photo_id and p.removed_at is null
  join watchpost.embedding as v on v.id = r.embedding_id
  join watchpost.face as f on f.id = v.face_id
  where r.person_id = e.id and r.superseded_at is null
  order by v.norm desc, f.sharpness desc, f.height_px desc, p.id
  limit 1
) as b;

comment on view watchpost.best_photo is 'For each person the enrolled photo with the best view of the face: the greatest embedding norm, then sharpness, then height.';
