-- All that reads graphile-worker's private tables. It has no public way to ask who holds a job, or what is in it. The
-- package is pinned, and a test compares these tables with those that this was written for. Nothing is written to them.

create or replace function watchpost.list_jobs() returns table (
  id bigint, task text, payload json, attempts smallint, max_attempts smallint, run_at timestamptz,
  locked_at timestamptz, locked_by text, last_error text, queue_locked boolean
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select
    j.id, t.identifier, j.payload, j.attempts, j.max_attempts, j.run_at, j.locked_at, j.locked_by, j.last_error,
    q.locked_at is not null
  from graphile_worker._private_jobs as j
  join graphile_worker._private_tasks as t on t.id = j.task_id
  left join graphile_worker._private_job_queues as q on q.id = j.job_queue_id;
end;
$$;

comment on function watchpost.list_jobs() is 'The jobs of graphile-worker, with who holds them.';


create or replace function watchpost.list_job_items() returns table (task text, event_id uuid, item json)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select j.task, (i.item ->> 'event_id')::uuid, i.item
  from watchpost.list_jobs() as j
  cross join json_array_elements(case json_typeof(j.payload) when 'array' then j.payload else '[]' end) as i (item)
  where j.attempts < j.max_attempts or j.locked_at is not null;
end;
$$;

comment on function watchpost.list_job_items() is 'The events in jobs that are still to be done.';
