-- What must hold of the pipeline: every photo comes to an end, and every row leads to what it should.

-- Photos that may have come to no end, without a look at each that has: those of events that wait, however old, those of
-- events that owe a handling, and those that have no event at all.
create or replace function watchpost.find_open_images(from_key uuid) returns setof uuid
language sql stable
begin atomic
  select e.image_id
  from (
    select o.event_id from watchpost.outbox as o
    union
    select unnest(c.events) from watchpost.claim as c
    union
    select j.event_id from watchpost.list_job_items() as j
  ) as w
  join watchpost.event as e on e.id = w.event_id
  where e.image_id is not null

  union
  select e.image_id
  from watchpost.event as e
  cross join unnest(e.tasks) as t (task)
  where e.id >= from_key
    and e.image_id is not null
    and not exists (
      select from watchpost.ended_task as d where d.event_id = e.id and d.task = t.task and d.event_id >= from_key
    )

  union
  select i.id
  from watchpost.image as i
  where i.id >= greatest(from_key, watchpost.history_begins())
    and not exists (select from watchpost.event as e where e.image_id = i.id);
end;

comment on function watchpost.find_open_images(uuid) is 'Photos that may not be finished: those with work that waits, and of those from this key on all with a task that has not ended.';


create or replace function watchpost.find_lost_results(from_key uuid) returns table (
  rule text, subject text, finding text, remedy text
)
language sql stable
begin atomic
  select
    'image_without_end',
    s.image_id::text,
    format('The photo has been %s for %s.', s.state, date_trunc('second', clock_timestamp() - s.received_at)),
    'Is a worker running? select * from watchpost.timeline(''' || s.image_id || ''') shows where it is.'
  from watchpost.find_open_images(from_key) as o (image_id)
  join watchpost.image as i on i.id = o.image_id
  -- Photo by photo: the status of one takes a tenth of a millisecond or more, so it is not to be read for all of them.
  cross join lateral (select s.* from watchpost.image_status as s where s.image_id = i.id offset 0) as s
  where i.received_at < clock_timestamp() - interval '10 minutes'
    and s.state in ('received', 'processing')
    -- A photo of the past that is to be described waits for every new one, which may take hours and is no fault; nor is it
    -- one to wait for a task that somebody has paused. A photo that has no events at all is not known to wait for anything.
    and coalesce(
      (
        select
          bool_or(
            t.topic <> 'description.requested'
            and not coalesce(t.outcome in ('done', 'gone', 'refused', 'failed'), false)
            and not exists (select from watchpost.task_pause as p where p.task = t.task)
          )
        from watchpost.image_tasks(i.id, i.received_at) as t
      ),
      true
    )

  union all
  select
    'face_without_embedding',
    f.id::text,
    'The face was handled by embed and has no embedding.',
    'Run "watchpost replay --task embed --image ' || f.image_id || '".'
  from watchpost.face as f
  where f.superseded_at is null
    and f.id >= from_key
    and not exists (select from watchpost.embedding as e where e.face_id = f.id and e.superseded_at is null)
    and exists (
      select
      from watchpost.event as e
      join watchpost.handling as h on h.event_id = e.id and h.task = 'embed' and h.outcome = 'done'
      where e.subject_id = f.id and e.topic = 'face.detected'
    )

  union all
  select
    'embedding_without_search',
    v.id::text,
    'The embedding of a probe was handled by match and has no search.',
    'Run "watchpost replay --task match --image ' || f.image_id || '".'
  from watchpost.embedding as v
  join watchpost.face as f on f.id = v.face_id
  join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
  where v.superseded_at is null
    and v.id >= from_key
    and not exists (select from watchpost.search as s where s.embedding_id = v.id and s.superseded_at is null)
    and exists (
      select
      from watchpost.event as e
      join watchpost.handling as h on h.event_id = e.id and h.task = 'match' and h.outcome = 'done'
      where e.subject_id = v.id and e.topic = 'face.embedded'
    )

  union all
  select
    'match_without_alert',
    m.id::text,
    'The match was handled by alert and is in no alert.',
    'Run "watchpost replay --task alert --all".'
  from watchpost.match as m
  where m.superseded_at is null
    and m.id >= from_key
    and not exists (select from watchpost.alert_match as am where am.match_id = m.id)
    and exists (
      select
      from watchpost.event as e
      join watchpost.handling as h on h.event_id = e.id and h.task = 'alert' and h.outcome = 'done'
      where e.subject_id = m.id and e.topic = 'match.found'
    );
end;

comment on function watchpost.find_lost_results(uuid) is 'Part of find_violations: photos that are never finished, and rows that were handled without a result.';
