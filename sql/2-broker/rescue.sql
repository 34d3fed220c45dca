-- How jobs survive their worker. graphile-worker keeps a killed worker's jobs locked for four hours; every worker
-- therefore beats into its row, and any live worker releases the jobs of one that does not.

-- A heartbeat, with the pools of the process and the jobs it is at. Tells a worker that was taken for dead (a stopped
-- process that goes on, a network that comes back) so that the record shows it; what it was doing meanwhile is no
-- danger, because the fence decides.
--
-- A job that one of its pools has locked for a while and that it is not at was given to nobody: the connection broke
-- when the job was locked already and the answer was on its way. It is released, or it would wait for four hours.
create or replace function watchpost.beat(
  worker     uuid,
  pools      text[] default null,
  jobs       bigint[] default '{}',
  dead_after interval default '20 seconds',
  out was_lost  boolean,
  out forgotten integer
)
language plpgsql
as $$
begin
  select w.lost_at is not null into strict was_lost from watchpost.worker as w where w.id = worker for update;
  update watchpost.worker as w
  set last_seen = clock_timestamp(),
      lost_at = null,
      pools = coalesce(beat.pools, w.pools)
  where w.id = worker;
  if was_lost then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    values (
      'worker.returned', worker, jsonb_build_object('worker_id', worker), watchpost.subscribers('worker.returned')
    );
  end if;

  update graphile_worker._private_jobs as j
  set locked_at = null, locked_by = null
  where j.locked_by = any (beat.pools)
    and j.locked_at < now() - dead_after / 2
    and j.id <> all (beat.jobs);
  get diagnostics forgotten = row_count;
  -- The queue of such a job is locked beside it.
  if forgotten > 0 then
    update graphile_worker._private_job_queues as q
    set locked_at = null, locked_by = null
    where q.locked_by = any (beat.pools)
      and not exists (
        select from graphile_worker._private_jobs as j where j.job_queue_id = q.id and j.locked_by is not null
      );
  end if;
end;
$$;

comment on function watchpost.beat(uuid, text[], bigint[], interval) is 'Notes that a worker lives; returns whether it had been taken for dead, and how many jobs its pools had locked without its knowing.';


-- Nobody is dead for having been silent while the database was away: once it is back, everybody has two heartbeats'
-- time to tell that they live. Not the whole of dead_after, counted anew: two restarts 20 s apart kept the jobs of a
-- worker that had died before the first one locked for 70 s.
create or replace function watchpost.is_silent(
  last_seen   timestamptz,
  dead_after  interval,
  awake_since timestamptz default pg_postmaster_start_time()
) returns boolean
language sql volatile
return last_seen < clock_timestamp() - dead_after and awake_since < clock_timestamp() - dead_after / 2;

comment on function watchpost.is_silent is 'Whether somebody who was last heard of then has to be taken for dead, of a database that is up since awake_since.';


-- Releases the jobs of workers that have not been heard of, and buries jobs whose last attempt took their worker down.
create or replace function watchpost.rescue(dead_after interval default '20 seconds') returns integer
language plpgsql
as $$
declare
  lost record;
  orphans text[];
  released integer := 0;
  jobs integer;
begin
  -- One rescuer at a time is enough, and the others need not wait for it.
  if not pg_try_advisory_xact_lock(hashtext('watchpost.rescue')) then
    return 0;
  end if;

  for lost in
    update watchpost.worker as w
    set lost_at = clock_timestamp()
    where w.stopped_at is null
      and w.lost_at is null
      and watchpost.is_silent(w.last_seen, dead_after)
    returning w.id, w.host, w.pid, w.pools, w.last_seen
  loop
    select count(*) into jobs from graphile_worker._private_jobs as j where j.locked_by = any (lost.pools);
    released := released + jobs;
    perform graphile_worker.force_unlock_workers(lost.pools);
    insert into watchpost.event (topic, subject_id, payload, tasks)
    values (
      'worker.lost',
      lost.id,
      jsonb_build_object(
        'worker_id', lost.id, 'host', lost.host, 'pid', lost.pid, 'last_seen', lost.last_seen, 'jobs', jobs
      ),
      watchpost.subscribers('worker.lost')
    );
  end loop;

  -- Locks of a pool that no living worker owns: of one that died before it could write its pool down, or was lost,
  -- stopped for a while and took one more job before it beat again. Only our tasks: a consumer that is not ours keeps
  -- its own locks.
  select coalesce(array_agg(distinct j.locked_by), '{}') into orphans
  from graphile_worker._private_jobs as j
  join graphile_worker._private_tasks as t on t.id = j.task_id
  where j.locked_at < now() - dead_after
    and t.identifier in (select unnest(w.tasks) from watchpost.worker as w)
    and not exists (
      select
      from watchpost.worker as w
      where w.stopped_at is null and w.lost_at is null and j.locked_by = any (w.pools)
    );
  if orphans <> '{}' then
    select released + count(*) into released from graphile_worker._private_jobs as j where j.locked_by = any (orphans);
    perform graphile_worker.force_unlock_workers(orphans);
  end if;

  perform watchpost.bury_exhausted_jobs();
  return released;
end;
$$;

comment on function watchpost.rescue(interval) is 'Releases the jobs of dead workers; returns how many. Every worker calls it every few seconds.';


-- An item that fails tells so in a handling. A job that is out of attempts and still there had no chance to: each
-- attempt took its worker, or the database, away. Its items become dead letters, so that no photo waits for ever.
create or replace function watchpost.bury_exhausted_jobs() returns integer
language plpgsql
as $$
declare
  buried integer;
begin
  with exhausted as (
    delete from graphile_worker._private_jobs as j
    using graphile_worker._private_tasks as t
    where t.id = j.task_id
      and j.locked_at is null
      and j.attempts >= j.max_attempts
      and json_typeof(j.payload) = 'array'
      and t.identifier in (select unnest(w.tasks) from watchpost.worker as w)
    returning t.identifier as task, j.payload, j.attempts, j.last_error
  )
  insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
  select
    (item ->> 'event_id')::uuid, e.task, 'failed', e.attempts, clock_timestamp(), 0, 'worker_lost',
    format('Given up after %s attempts, none of which came to an end: %s', e.attempts, coalesce(e.last_error, 'the worker died each time.'))
  from exhausted as e
  cross join json_array_elements(e.payload) as item
  where item ->> 'event_id' is not null and not exists (
    select
    from watchpost.handling as h
    where h.event_id = (item ->> 'event_id')::uuid and h.task = e.task and h.outcome in ('done', 'failed')
  );
  get diagnostics buried = row_count;
  return buried;
end;
$$;

comment on function watchpost.bury_exhausted_jobs() is 'Makes dead letters of jobs that are out of attempts without having said why.';
