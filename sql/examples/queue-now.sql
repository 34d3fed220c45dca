-- How much work waits, where, and who is there to do it?
select 'events waiting' as what, o.task, count(*) as count, min(e.created_at) as since
from watchpost.outbox as o
join watchpost.event as e on e.id = o.event_id
group by o.task

union all

select
  case when c.worker_id is null then 'events to be claimed again' else 'events being handled' end,
  c.task,
  sum(cardinality(c.events)),
  min(c.claimed_at)
from watchpost.claim as c
group by 1, c.task

union all

select
  case
    when j.locked_at is not null then 'jobs under way'
    when j.attempts >= j.max_attempts then 'jobs given up'
    when j.attempts > 0 then 'jobs to be tried again'
    else 'jobs waiting'
  end as what,
  j.task_identifier,
  count(*),
  min(j.created_at)
from graphile_worker.jobs as j
group by what, j.task_identifier

union all

select 'workers heard of in the last 30 seconds', w.host || ':' || w.pid, w.concurrency, w.started_at
from watchpost.worker as w
where w.stopped_at is null and w.concurrency > 0 and w.last_seen > now() - interval '30 seconds'

order by what, task;
