-- The fence: what makes an effect happen once, however often its event is delivered.

-- A function, so that a session plans this once: with a year of partitions planning took 1.13 ms and doing it 0.36.
-- Elapsed by the worker's clock, placed in time by the database's: the clocks of two machines never agree. The
-- statement's time, as clock_timestamp() would give each row of the batch another start.
create or replace function watchpost.fence(
  of_task    text,
  of_attempt integer,
  by_worker  uuid,
  elapsed_ms double precision,
  events     uuid[],
  outcomes   text[],
  codes      text[],
  errors     text[]
) returns table (passed uuid)
language plpgsql set plan_cache_mode = force_generic_plan set jit = off
as $$
begin
  return query
  insert into watchpost.handling as h
    (event_id, task, outcome, attempt, worker_id, started_at, duration_ms, code, error)
  select
    a.event_id, of_task, a.outcome, of_attempt, by_worker,
    statement_timestamp() - make_interval(secs => elapsed_ms / 1000), elapsed_ms::real, a.code, a.error
  from unnest(events, outcomes, codes, errors) as a (event_id, outcome, code, error)
  -- A slow worker that fails at what another has done meanwhile has nothing to tell.
  where a.outcome = 'done' or not exists (
    select
    from watchpost.handling as o
    where o.event_id = a.event_id and o.task = of_task and o.outcome = 'done'
  )
  on conflict (event_id, task) where outcome = 'done' do nothing
  returning h.event_id;
end;
$$;

comment on function watchpost.fence is 'Records what became of some events in a task, and returns those that nobody has done before: only their rows may be written, in the same transaction.';
