-- What must hold of the queue: nothing is stuck, and nothing is done twice.

-- Jobs and claims, for the function below. With its owner's rights, so that reading takes no right to read jobs.
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
    where (select watchpost.sees_all())
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
    'Restart the workers, one after the other, and read their logs.'
  from job as j
  where j.run_at < now() - interval '2 minutes' and j.locked_at is null and not coalesce(j.queue_locked, false)
    and j.attempts < j.max_attempts and j.could_run
  union all
  select
    'claimed_by_the_dead', c.id::text,
    format('%s events for %s are claimed by the worker %s, which is not alive.', cardinality(c.events), c.task, c.worker_id),
    'Start a worker: it releases such claims. At once: select watchpost.rescue().'
  from watchpost.claim as c
  where (select watchpost.sees_all())
    and c.claimed_at < now() - interval '2 minutes' and c.worker_id is not null
    and not exists (
      select from watchpost.worker as w where w.id = c.worker_id and w.stopped_at is null and w.lost_at is null
    );
end;
$$;

comment on function watchpost.find_stuck_work() is 'Part of find_violations: jobs and claims that no worker is handling.';


create or replace function watchpost.find_wrong_queue(from_key uuid) returns table (
  rule text, subject text, finding text, remedy text
)
language sql stable
begin atomic
  select
    'outbox_stuck',
    o.event_id || ' ' || o.task,
    'The event has waited for more than a minute, and no worker runs its task, or none claims anything.',
    'Start a worker with this task, or look into the log of the running ones.'
  from watchpost.outbox as o
  join watchpost.event as e on e.id = o.event_id
  where e.created_at < clock_timestamp() - interval '1 minute'
    and not exists (select from watchpost.task_pause as p where p.task = o.task)
    and (
      not exists (select from watchpost.claim as c where c.worker_id is not null)
      or (
        exists (
          select from watchpost.subscription as s where s.task = o.task and s.topic = o.topic and s.delivery = 'claim'
        )
        and not exists (
          select from watchpost.worker as w where o.task = any (w.tasks) and w.stopped_at is null and w.lost_at is null
        )
      )
    )

  union all
  select
    'work_missing',
    m.event_id || ' ' || m.task,
    'The event owes a handling, and waits nowhere: it has no outbox row, claim or job.',
    'Put it back: select watchpost.enqueue(array[event_id], task).'
  from watchpost.missing_work(
    from_key,
    watchpost.uuidv7_at(clock_timestamp() - interval '15 minutes')
  ) as m

  union all
  select
    'handling_without_event',
    h.event_id || ' ' || h.task,
    'A handling names an event that does not exist.',
    'The database has lost transactions, as in a failover without synchronous replication: see docs/guarantees.md.'
  from watchpost.handling as h
  where h.event_id >= from_key
    and not exists (select from watchpost.event as e where e.id = h.event_id)

  union all
  select w.rule, w.subject, w.finding, w.remedy from watchpost.find_stuck_work() as w

  union all
  select
    'done_twice',
    h.event_id || ' ' || h.task,
    format('The event was done %s times by one task.', count(*)),
    'The index handling_done is missing or broken: reindex it.'
  from watchpost.handling as h
  where h.outcome in ('done', 'gone') and h.event_id >= from_key
  group by h.event_id, h.task
  having count(*) > 1;
end;

comment on function watchpost.find_wrong_queue(uuid) is 'Part of find_violations: events that no worker claims, jobs that no worker runs, work that was done twice.';
