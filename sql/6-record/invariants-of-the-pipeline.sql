-- What must hold of the pipeline: every photo comes to an end, and every row leads to what it should.

create or replace view watchpost.pipeline_invariant as
select
  'image_without_end' as rule,
  s.image_id::text as subject,
  format('The photo has been %s for %s.', s.state, date_trunc('second', clock_timestamp() - s.received_at)) as finding,
  'Is a worker running, is a task paused? select * from watchpost.timeline(''' || s.image_id || ''') shows where it is.' as remedy
from watchpost.image as i
join watchpost.image_status as s on s.image_id = i.id
where i.received_at < clock_timestamp() - interval '10 minutes'
  and (
    s.state = 'received'
    -- A photo of the past that is to be described waits for every new one, which may take hours and is no fault.
    or s.state = 'processing' and exists (
      select
      from watchpost.image_tasks(i.id) as t
      where t.topic <> 'description.requested'
        and coalesce(t.outcome not in ('done', 'gone', 'failed'), true)
    )
  )

union all
select
  'face_without_embedding',
  f.id::text,
  'The face was handled by embed and has no embedding.',
  'Run "watchpost replay --task embed --image ' || f.image_id || '".'
from watchpost.face as f
where f.superseded_at is null
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
  and not exists (select from watchpost.alert_match as am where am.match_id = m.id)
  and exists (
    select
    from watchpost.event as e
    join watchpost.handling as h on h.event_id = e.id and h.task = 'alert' and h.outcome = 'done'
    where e.subject_id = m.id and e.topic = 'match.found'
  );

comment on view watchpost.pipeline_invariant is 'Part of invariant: photos that are never finished, and rows that were handled without a result.';
