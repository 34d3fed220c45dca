-- What must hold of the queue: nothing is stuck, and nothing is done twice.

-- A function, because a view over graphile-worker's own tables would block its migrations.
create or replace function watchpost.find_locked_by_the_dead() returns table (job bigint, task text, locked_by text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select j.id, t.identifier, j.locked_by
  from graphile_worker._private_jobs as j
  join graphile_worker._private_tasks as t on t.id = j.task_id
  where j.locked_at < now() - interval '1 minute'
    and t.identifier in (select unnest(w.tasks) from watchpost.worker as w)
    and not exists (
      select
      from watchpost.worker as w
      where w.stopped_at is null and w.lost_at is null and j.locked_by = any (w.pools)
    );
end;
$$;

comment on function watchpost.find_locked_by_the_dead() is 'Jobs that are locked by a worker that is not alive.';


create or replace view watchpost.queue_invariant as
select
  'outbox_stuck' as rule,
  o.event_id || ' ' || o.task as subject,
  'The event has waited in the outbox for more than a minute.' as finding,
  'No relay runs, or it can not keep up: start a worker, or look into the log of the running ones.' as remedy
from watchpost.outbox as o
join watchpost.event as e on e.id = o.event_id
where e.created_at < clock_timestamp() - interval '1 minute'

union all
select
  'job_locked_by_the_dead',
  j.job::text,
  format('A job of %s is locked by %s, which is not alive.', j.task, j.locked_by),
  'Start a worker: it releases such jobs. At once: select watchpost.rescue().'
from watchpost.find_locked_by_the_dead() as j

union all
select
  'done_twice',
  h.event_id || ' ' || h.task,
  format('The event was done %s times by one task.', count(*)),
  'The index handling_done is missing or broken: reindex it.'
from watchpost.handling as h
where h.outcome = 'done'
group by h.event_id, h.task
having count(*) > 1;

comment on view watchpost.queue_invariant is 'Part of invariant: events that are not handed on, jobs that nobody works on, work that was done twice.';
