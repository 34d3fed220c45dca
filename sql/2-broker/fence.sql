-- The fence: what makes an effect happen once, however often its event is delivered.

-- Called first in the transaction that writes what a task has found. It records what became of the events, deletes their
-- outbox rows, and hands those that are to be tried again to graphile-worker. What it returns may be written; the rest was
-- done before, or is of a timeline that a failover has ended: an event that does not exist has no handling.
--
-- A row is deleted by whoever has done its event, also without the claim: it owes nothing any more. An attempt that failed
-- is only made a retry by the worker that holds the claim; otherwise somebody else is at it already.
--
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
  errors     text[],
  goes_on    boolean default false
) returns uuid[]
language plpgsql set plan_cache_mode = force_generic_plan set jit = off set enable_seqscan = off
as $$
declare
  passed uuid[];
  again json;
begin
  -- What is written from here on is claimed by this worker: see fill_outbox.
  perform set_config('watchpost.claimed_by', case when goes_on then by_worker::text else '' end, true);

  with asked as materialized (
    select a.event_id, a.outcome, a.code, a.error, e.topic, watchpost.source_of(e.payload) as source
    from unnest(events, outcomes, codes, errors) as a (event_id, outcome, code, error)
    join watchpost.event as e on e.id = a.event_id
  ),
  recorded as (
    insert into watchpost.handling as h
      (event_id, task, outcome, attempt, worker_id, started_at, duration_ms, code, error)
    select
      a.event_id, of_task, a.outcome, of_attempt, by_worker,
      statement_timestamp() - make_interval(secs => elapsed_ms / 1000), elapsed_ms::real, a.code, a.error
    from asked as a
    -- A slow worker that fails at what another has done meanwhile has nothing to record.
    where a.outcome = 'done' or not exists (
      select
      from watchpost.handling as o
      where o.event_id = a.event_id and o.task = of_task and o.outcome = 'done'
    )
    on conflict (event_id, task) where outcome = 'done' do nothing
    returning h.event_id
  ),
  removed as (
    delete from watchpost.outbox as o
    using asked as a
    where o.task = of_task and o.topic = a.topic and o.source = a.source and o.event_id = a.event_id
      and (a.outcome <> 'retry' or o.claimed_by = by_worker)
    returning o.event_id, o.payload, a.outcome
  )
  select
    (select array_agg(r.event_id) from recorded as r),
    (
      select json_agg(watchpost.job_item(r.event_id, r.payload) order by r.event_id)
      from removed as r
      where r.outcome = 'retry'
    )
  into passed, again;

  if again is not null then
    perform watchpost.retry_later(of_task, again, of_attempt);
  end if;
  return coalesce(passed, '{}');
end;
$$;

comment on function watchpost.fence is 'Records what became of some events in a task, and returns those that nobody has done before: only their rows may be written, in the same transaction. goes_on: the worker claims what it writes.';
