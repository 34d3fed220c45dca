-- The state of each event and of each photo.

create or replace view watchpost.event_task with (security_invoker = true) as
select
  e.id as event_id,
  e.topic,
  e.image_id,
  e.subject_id,
  e.created_at,
  t.task,
  h.outcome,
  h.attempt,
  h.worker_id,
  h.started_at,
  h.duration_ms,
  h.created_at as handled_at,
  h.code,
  h.error,
  e.payload
from watchpost.event as e
cross join unnest(e.tasks) as t (task)
left join lateral (
  select h.*
  from watchpost.handling as h
  where h.event_id = e.id and h.task = t.task
  order by h.outcome in ('done', 'gone') desc, h.id desc
  limit 1
) as h on true;

comment on view watchpost.event_task is 'Every event with every task it was handed to, and the handling that counts: done or gone if there is one, else the latest.';


-- A function, so that a session plans it once: with 66 partitions planning takes 6 ms and execution 1. jit = off,
-- because the estimated cost of a plan over all partitions is high enough to have it compiled, for nothing.
--
-- Events of a photo are not older than the photo, by its key or by when it was received, so the partitions before are left
-- out when execution begins. Two days are allowed, as received_at may be set to a day in the future.
create or replace function watchpost.image_tasks(image uuid, received timestamptz) returns setof watchpost.event_task
language plpgsql stable rows 10 cost 4000 set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  from_key constant uuid := least(image, watchpost.uuidv7_at(received - interval '2 days'));
begin
  return query
  select
    e.id, e.topic, e.image_id, e.subject_id, e.created_at, t.task, h.outcome, h.attempt, h.worker_id, h.started_at,
    h.duration_ms, h.created_at, h.code, h.error, e.payload
  from watchpost.event as e
  cross join unnest(e.tasks) as t (task)
  left join lateral (
    select h.*
    from watchpost.handling as h
    where h.event_id = e.id and h.event_id >= from_key and h.task = t.task
    order by h.outcome = 'done' desc, h.id desc
    limit 1
  ) as h on true
  where e.image_id = image and e.id >= from_key;
end;
$$;

comment on function watchpost.image_tasks is 'event_task for one photo, of which is given when it was received.';


create or replace view watchpost.image_status with (security_invoker = true) as
select
  i.id as image_id,
  case
    when w.failed_code is not null then 'failed'
    when w.open_tasks > 0 and w.begun then 'processing'
    when w.open_tasks > 0 then 'received'
    -- Without events: they were retired, after they had been handled, or the photo is being inserted right now.
    when not w.known and i.id >= coalesce(watchpost.history_begins(), '00000000-0000-0000-0000-000000000000') then 'received'
    else 'done'
  end as state,
  case
    when w.failed_code is not null then w.failed_code
    when w.open_tasks = 0 and w.known and c.faces = 0 and d.faces_deleted then 'faces_deleted'
    when w.open_tasks = 0 and w.known and c.faces = 0 then coalesce(w.gone_code, case when s.of_image_id is not null then 'still' end, 'no_face')
    when not w.known and i.id < watchpost.history_begins() then 'history_retired'
  end as code,
  case
    when w.failed_code is not null then watchpost.with_names(w.failed_error)
    when w.open_tasks = 0 and w.known and c.faces = 0 and d.faces_deleted then 'Its faces matched nobody and were deleted, as the retention says.'
    when w.open_tasks = 0 and w.known and c.faces = 0 then coalesce(
      w.gone_error, 'Nothing had moved since the frame ' || s.of_image_id || ', which was searched.', 'No face was found in this photo.'
    )
    when not w.known and i.id < watchpost.history_begins() then 'Its events are not kept any more; what was found in it is.'
  end as message,
  i.purpose,
  k.name as camera,
  i.captured_at,
  i.received_at,
  case when w.open_tasks = 0 and w.known then w.finished_at end as finished_at,
  c.faces,
  c.matches,
  c.alerts,
  i.undecoded_share is not null as damaged,
  i.undecoded_share
from watchpost.image as i
left join watchpost.camera_place as k on k.camera_id = i.camera_id and k.during @> i.captured_at
left join watchpost.still_frame as s on s.image_id = i.id
cross join lateral (
  select
    count(*) > 0 as known,
    coalesce(bool_or(t.topic = 'face.detected' and t.outcome = 'done'), false) as had_faces,
    count(*) filter (where not coalesce(t.outcome in ('done', 'gone', 'refused', 'failed'), false)) as open_tasks,
    count(t.outcome) > 0 as begun,
    (array_agg(t.code order by t.event_id) filter (where t.outcome in ('refused', 'failed') and p.removed_at is null))[1] as failed_code,
    (array_agg(t.error order by t.event_id) filter (where t.outcome in ('refused', 'failed') and p.removed_at is null))[1] as failed_error,
    (array_agg(t.code order by t.event_id) filter (where t.outcome = 'gone'))[1] as gone_code,
    (array_agg(t.error order by t.event_id) filter (where t.outcome = 'gone'))[1] as gone_error,
    max(t.handled_at) as finished_at
  from watchpost.image_tasks(i.id, i.received_at) as t
  -- photo_status is about a face of a probe that was made a person's photo, and about a photo that was removed; what
  -- follows from an enrolment is about other photos.
  left join watchpost.person_photo as p on p.id = (t.payload ->> 'person_photo_id')::uuid
  -- Enrolling somebody is done when they can be recognised; the backfill may take longer.
  where t.task <> 'backfill'
    and t.topic not in ('person.enrolled', 'photo.removed')
    and (i.purpose = 'reference' or t.topic not in ('photo.added', 'photo.embedded'))
) as w
cross join lateral (
  select
    count(*)::integer as faces,
    coalesce(sum(m.matches), 0)::integer as matches,
    coalesce(sum(m.alerts), 0)::integer as alerts
  from watchpost.face as f
  left join watchpost.track as k on k.id = f.track_id
  cross join lateral (
    select count(*) as matches, count(distinct am.alert_id) as alerts
    from watchpost.match as m
    left join watchpost.alert_match as am on am.match_id = m.id
    where m.face_id = coalesce(k.face_id, f.id) and m.superseded_at is null
  ) as m
  where f.image_id = i.id and f.superseded_at is null
) as c
cross join lateral (
  select
    w.had_faces and w.gone_code is null and not exists (select from watchpost.face as f where f.image_id = i.id)
    as faces_deleted
) as d;

comment on view   watchpost.image_status         is 'The state of each photo. done and failed are final.';
comment on column watchpost.image_status.state   is 'received; processing; done; failed: a stage refused it or gave up on it, see code and message.';
comment on column watchpost.image_status.code    is 'Why it failed; also still for a frame in which nothing had moved, no_face for a photo that is done and has no face (row_missing or photo_removed if what it was for was deleted before), faces_deleted for one whose faces the retention has deleted, and history_retired for one whose events are not kept any more.';
comment on column watchpost.image_status.message is 'The same in a sentence.';
comment on column watchpost.image_status.damaged is 'Whether the file is cut off or broken. What could be decoded was searched.';
comment on column watchpost.image_status.undecoded_share is 'Of a damaged photo the share of the picture, 0 to less than 1, that could not be decoded.';


create or replace function watchpost.timeline(image uuid) returns table (
  at          timestamptz,
  topic       text,
  subject_id  uuid,
  task        text,
  outcome     text,
  attempt     smallint,
  waited_ms   real,
  duration_ms real,
  worker      text,
  code        text,
  error       text
)
language plpgsql stable set jit = off set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select
    e.created_at,
    e.topic,
    e.subject_id,
    t.task,
    coalesce(h.outcome, case when t.task is not null then 'waiting' end),
    h.attempt,
    (extract(epoch from h.started_at - e.created_at) * 1000)::real,
    h.duration_ms,
    w.host || ':' || w.pid,
    h.code,
    watchpost.with_names(h.error)
  from watchpost.event as e
  left join unnest(e.tasks) as t (task) on true
  -- Event by event, which reads one partition each; a join would read all handlings.
  left join lateral (
    select h.*
    from watchpost.handling as h
    where h.event_id = e.id and h.task = t.task
    offset 0
  ) as h on true
  left join watchpost.worker as w on w.id = h.worker_id
  where e.image_id = timeline.image
  order by e.id, t.task, h.id;
end;
$$;

comment on function watchpost.timeline(uuid) is 'Everything that happened to a photo: each event, each task it went to, each attempt, with how long it waited and took.';
