-- How work survives its worker. Every worker beats into its row, and any live worker releases what one that does not beat
-- has claimed, or holds as a job: graphile-worker by itself would keep a killed worker's jobs locked for four hours.

create or replace function watchpost.beat(
  worker uuid,
  pools  text[] default null,
  out is_known boolean,
  out was_lost boolean
)
language plpgsql
as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  select w.lost_at is not null into was_lost from watchpost.worker as w where w.id = worker for update;
  is_known := found;
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
end;
$$;

comment on function watchpost.beat(uuid, text[]) is 'Notes that a worker lives; returns whether it is in the table worker, and whether it had been taken for dead.';


-- A worker that was silent while the database was away is not dead for that: once the database is back, it has half of
-- dead_after for a heartbeat. Not all of it: two restarts 20 s apart kept the jobs of a worker that had died before the
-- first one locked for 70 s.
create or replace function watchpost.is_silent(
  last_seen   timestamptz,
  dead_after  interval,
  awake_since timestamptz default pg_postmaster_start_time()
) returns boolean
language sql volatile
return last_seen < clock_timestamp() - dead_after and awake_since < clock_timestamp() - dead_after / 2;

comment on function watchpost.is_silent is 'Whether somebody who was last heard of then has to be taken for dead, of a database that is up since awake_since.';


-- The claims and jobs of workers that have not been heard of; then dead letters for what has taken down every worker.
create or replace function watchpost.rescue(dead_after interval default '20 seconds') returns integer
language plpgsql
as $$
declare
  lost record;
  released integer := 0;
  claims integer;
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
    claims := watchpost.release_claims(array[lost.id]);
    select count(*) into jobs from watchpost.list_jobs() as j where j.locked_by = any (lost.pools);
    perform graphile_worker.force_unlock_workers(lost.pools);
    released := released + claims + jobs;
    insert into watchpost.event (topic, subject_id, payload, tasks)
    values (
      'worker.lost',
      lost.id,
      jsonb_build_object(
        'worker_id', lost.id, 'host', lost.host, 'pid', lost.pid, 'last_seen', lost.last_seen,
        'claims', claims, 'jobs', jobs
      ),
      watchpost.subscribers('worker.lost')
    );
  end loop;

  released := released + watchpost.release_orphaned_claims(dead_after) + watchpost.unlock_orphaned_jobs(dead_after);
  perform watchpost.bury_exhausted_claims();
  perform watchpost.bury_exhausted_jobs();
  return released;
end;
$$;

comment on function watchpost.rescue(interval) is 'Releases what dead workers had claimed and their jobs; returns how many. Every worker calls it every few seconds.';


-- Claims of workers that do not live: whose row was locked when the worker was given up, or that were made at that moment.
create or replace function watchpost.release_orphaned_claims(dead_after interval) returns integer
language plpgsql
as $$
begin
  return watchpost.release_claims(array(
    select c.worker_id
    from watchpost.claim as c
    where c.claimed_at < clock_timestamp() - dead_after
      and c.worker_id is not null
      and not exists (
        select from watchpost.worker as w where w.id = c.worker_id and w.stopped_at is null and w.lost_at is null
      )
  ));
end;
$$;

comment on function watchpost.release_orphaned_claims(interval) is 'Releases the claims of workers that do not live; returns how many.';


-- Jobs locked by a pool that no living worker owns: of one that died before it could write its pool down, or that was
-- lost, stopped for a while and took one more job before it beat again. Only our tasks: a consumer that is not ours keeps
-- its own locks.
create or replace function watchpost.unlock_orphaned_jobs(dead_after interval) returns integer
language plpgsql
as $$
declare
  orphans text[];
  jobs integer;
begin
  select coalesce(array_agg(distinct j.locked_by), '{}'), count(*) into orphans, jobs
  from watchpost.list_jobs() as j
  where j.locked_at < now() - dead_after
    and j.task in (select unnest(w.tasks) from watchpost.worker as w)
    and not exists (
      select
      from watchpost.worker as w
      where w.stopped_at is null and w.lost_at is null and j.locked_by = any (w.pools)
    );
  if jobs > 0 then
    perform graphile_worker.force_unlock_workers(orphans);
  end if;
  return jobs;
end;
$$;

comment on function watchpost.unlock_orphaned_jobs is 'Unlocks the jobs of pools that no living worker owns; returns how many.';


-- An item that fails says so in a handling. What is out of attempts and still there had no chance to: each attempt took
-- its worker, or the database, away. It becomes a dead letter, so that no photo waits for ever.
create or replace function watchpost.bury(of_task text, events uuid[], attempts integer, last_error text) returns void
language sql
begin atomic
  insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
  select
    a.event_id, of_task, 'failed', attempts, clock_timestamp(), 0, 'worker_lost',
    format('Given up after %s attempts, none of which came to an end: %s', attempts, coalesce(last_error, 'the worker died each time.'))
  from unnest(events) as a (event_id)
  join watchpost.event as e on e.id = a.event_id
  where not exists (select from watchpost.ended_task as d where d.event_id = a.event_id and d.task = of_task);
end;

comment on function watchpost.bury is 'Makes dead letters of events whose attempts are used up without a word.';


create or replace function watchpost.bury_exhausted_claims() returns integer
language plpgsql
as $$
declare
  exhausted record;
  buried integer := 0;
begin
  for exhausted in
    delete from watchpost.claim as c
    where c.worker_id is null
      and c.attempts >= coalesce(
        (select s.max_attempts from watchpost.subscription as s where s.task = c.task and s.topic = c.topic),
        watchpost.default_attempts()
      )
    returning c.task, c.events, c.attempts
  loop
    perform watchpost.bury(exhausted.task, exhausted.events, exhausted.attempts, null);
    buried := buried + 1;
  end loop;
  return buried;
end;
$$;

comment on function watchpost.bury_exhausted_claims() is 'Makes dead letters of what was claimed as often as it may be; returns how many claims.';


create or replace function watchpost.bury_exhausted_jobs() returns integer
language plpgsql
as $$
declare
  exhausted record;
  buried integer := 0;
begin
  for exhausted in
    select j.id, j.task, j.attempts, j.last_error, i.events
    from watchpost.list_jobs() as j
    cross join lateral (
      select array_agg((item ->> 'event_id')::uuid) as events
      from json_array_elements(case json_typeof(j.payload) when 'array' then j.payload else '[]' end) as item
    ) as i
    where j.locked_at is null
      and j.attempts >= j.max_attempts
      and i.events is not null
      and j.task in (select unnest(w.tasks) from watchpost.worker as w)
  loop
    -- Nothing if somebody else has completed it meanwhile.
    if exists (select from graphile_worker.complete_jobs(array[exhausted.id])) then
      perform watchpost.bury(exhausted.task, exhausted.events, exhausted.attempts, exhausted.last_error);
      buried := buried + 1;
    end if;
  end loop;
  return buried;
end;
$$;

comment on function watchpost.bury_exhausted_jobs() is 'Makes dead letters of jobs that are out of attempts without having said why.';
