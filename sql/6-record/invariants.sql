-- What must hold at every moment. The view is empty when all is well; "watchpost doctor" prints it.

-- Jobs and claims, for the view below. A function: whoever reads the view need not be allowed to read jobs.
create or replace function watchpost.find_stuck_work() returns table (rule text, subject text, finding text, remedy text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  with ours as (
    select unnest(w.tasks) as task, bool_or(w.stopped_at is null and w.lost_at is null) as alive
    from watchpost.worker as w
    group by 1
  ),
  job as (
    select
      j.*,
      o.alive and not exists (select from watchpost.task_pause as p where p.task = j.task) as could_run,
      exists (
        select from watchpost.worker as w where w.stopped_at is null and w.lost_at is null and j.locked_by = any (w.pools)
      ) as held
    from watchpost.list_jobs() as j
    join ours as o on o.task = j.task
  )
  select
    'job_locked_by_the_dead', j.id::text,
    format('A job of %s is locked by %s, which is not alive.', j.task, j.locked_by),
    'Start a worker: it unlocks such jobs. At once: select watchpost.rescue().'
  from job as j
  where j.locked_at < now() - interval '1 minute' and not j.held
  union all
  select
    'job_not_taken', j.id::text,
    format('A job of %s has been due for %s, and no worker takes it.', j.task, date_trunc('second', now() - j.run_at)),
    'Restart the workers, one after the other, and look into their logs.'
  from job as j
  where j.run_at < now() - interval '2 minutes' and j.locked_at is null and not coalesce(j.queue_locked, false)
    and j.attempts < j.max_attempts and j.could_run
  union all
  select
    'claimed_by_the_dead', c.id::text,
    format('%s events for %s are claimed by the worker %s, which is not alive.', cardinality(c.events), c.task, c.worker_id),
    'Start a worker: it releases such claims. At once: select watchpost.rescue().'
  from watchpost.claim as c
  where c.claimed_at < now() - interval '2 minutes' and c.worker_id is not null
    and not exists (
      select from watchpost.worker as w where w.id = c.worker_id and w.stopped_at is null and w.lost_at is null
    );
end;
$$;

comment on function watchpost.find_stuck_work() is 'Jobs and claims that nobody works on: rows of the view invariant.';


create or replace view watchpost.invariant as

select
  'image_without_end' as rule,
  s.image_id::text as subject,
  format('The photo has been %s for %s.', s.state, date_trunc('second', clock_timestamp() - s.received_at)) as finding,
  'Is a worker running, is a task paused? select * from watchpost.timeline(''' || s.image_id || ''') tells where it stands.' as remedy
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
        and t.outcome is distinct from 'done'
        and t.outcome is distinct from 'failed'
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
  'The match was handled by alert and is in none.',
  'Run "watchpost replay --task alert --all".'
from watchpost.match as m
where m.superseded_at is null
  and not exists (select from watchpost.alert_match as am where am.match_id = m.id)
  and exists (
    select
    from watchpost.event as e
    join watchpost.handling as h on h.event_id = e.id and h.task = 'alert' and h.outcome = 'done'
    where e.subject_id = m.id and e.topic = 'match.found'
  )

union all
select
  'outbox_stuck',
  o.event_id || ' ' || o.task,
  'The event has waited for more than a minute, and no event at all is claimed.',
  'No worker with this task runs, or the task is paused: start one, or look into the log of the running ones.'
from watchpost.outbox as o
join watchpost.event as e on e.id = o.event_id
where e.created_at < clock_timestamp() - interval '1 minute'
  and not exists (select from watchpost.claim as c where c.worker_id is not null)

union all
select w.rule, w.subject, w.finding, w.remedy from watchpost.find_stuck_work() as w

union all
select
  'match_below_threshold',
  m.id::text,
  format('The match has a similarity of %s and a threshold of %s.', m.similarity, m.threshold),
  'Somebody has changed the record by hand; "watchpost verify" tells since when.'
from watchpost.match as m
where m.similarity < m.threshold

union all
select
  'done_twice',
  h.event_id || ' ' || h.task,
  format('The event was done %s times by one task.', count(*)),
  'The index handling_done is missing or broken: reindex it.'
from watchpost.handling as h
where h.outcome = 'done'
group by h.event_id, h.task
having count(*) > 1

union all
select
  'sightings_miscounted',
  a.id::text,
  format('The alert counts %s sightings and has %s matches.', a.sightings, n.matches),
  'Count anew: select watchpost.recount_alerts(''{' || a.id || '}'').'
from watchpost.alert as a
cross join lateral (
  select count(*) as matches
  from watchpost.alert_match as am
  join watchpost.match as m on m.id = am.match_id
  where am.alert_id = a.id and m.superseded_at is null
) as n
where a.withdrawn_at is null and a.sightings <> n.matches

union all
select
  'searched_twice',
  s.embedding_id::text,
  format('%s searches of the embedding stand.', count(*)),
  'Run "watchpost replay --task match --image ' || f.image_id || '".'
from watchpost.search as s
join watchpost.face as f on f.id = s.face_id
where s.superseded_at is null
group by s.embedding_id, f.image_id
having count(*) > 1

-- The next three are what constraints of match and alert keep; a broken one is found here.
union all
select
  'face_of_two_people',
  m.face_id::text,
  format('The face is matched with %s people, %s times.', count(distinct m.person_id), count(*)),
  'A constraint of watchpost.match is missing or broken: match_one_person_a_face, match_standing.'
from watchpost.match as m
where m.superseded_at is null
group by m.face_id
having count(distinct m.person_id) > 1 or count(*) > count(distinct m.watchlist_id)

union all
select
  'person_twice_in_a_photo',
  m.image_id::text,
  format('%s faces of the photo are the person %s.', count(distinct m.face_id), m.person_id),
  'The constraint match_one_face_a_person of watchpost.match is missing or broken.'
from watchpost.match as m
where m.superseded_at is null
group by m.image_id, m.person_id
having count(distinct m.face_id) > 1

union all
select
  'episodes_overlap',
  a.id::text,
  format('The alert %s is of the same person, list, place and time.', b.id),
  'The constraint alert_one_an_episode of watchpost.alert is missing or broken.'
from watchpost.alert as a
join watchpost.alert as b
  on (b.person_id, b.watchlist_id, b.place, b.retroactive) = (a.person_id, a.watchlist_id, a.place, a.retroactive)
    and b.id > a.id
    and b.episode && a.episode
where a.withdrawn_at is null and b.withdrawn_at is null

union all
select
  'match_against_cannot_link',
  m.id::text,
  format('Somebody has said that the face %s is not the person %s, and they are matched.', m.face_id, m.person_id),
  'Withdraw it: select watchpost.withdraw_matches(''{' || m.id || '}'', ''cannot_link'').'
from watchpost.cannot_link as c
cross join lateral watchpost.same_faces(c.face_id) as declared (face_id)
join watchpost.match as m on m.face_id = declared.face_id and m.person_id = c.person_id
where m.superseded_at is null

union all
select
  'person_vector_untrue',
  person_id::text,
  format(
    'The person''s vector by %s is that of %s references, and %s stand.',
    model_id, coalesce(v.reference_count, 0), coalesce(r.standing, 0)
  ),
  'Written with triggers off? Compute it anew: select watchpost.refresh_person_vectors(''{' || person_id || '}'').'
from watchpost.person_vector as v
full join (
  select r.person_id, r.model_id, watchpost.vector_of_person(avg(r.vector), count(*)::integer) as vector, count(*) as standing
  from watchpost.reference as r
  where r.superseded_at is null
  group by r.person_id, r.model_id
) as r using (person_id, model_id)
where v.vector is distinct from r.vector or v.reference_count is distinct from r.standing;

comment on view   watchpost.invariant         is 'What is wrong with the data, and what to do about it; empty when all is well.';
comment on column watchpost.invariant.rule    is 'A stable name of what must hold.';
comment on column watchpost.invariant.subject is 'The row that does not keep it.';
