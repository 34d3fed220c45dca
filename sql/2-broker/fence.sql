-- The fence: what makes an effect happen once, however often its event is delivered.

-- Called first in the transaction that writes what a task has found. It records what became of the events, deletes the
-- claim, and hands those events that are to be tried again to graphile-worker. What it returns may be written; the rest was
-- done before, or is of a timeline that a failover has ended: an event that does not exist has no handling.
--
-- Only who still holds the claim makes retries of what has failed: otherwise another worker is at it already. What is done
-- is recorded in any case.
--
-- A function, so that a session plans this once: with a year of partitions planning took 1.13 ms and execution 0.36.
-- elapsed_ms is measured by the worker's clock, and started_at computed from it by the database's clock, because clocks of
-- two machines never agree. statement_timestamp() gives all rows of the batch the same start.
create or replace function watchpost.fence(
  of_task    text,
  of_attempt integer,
  by_worker  uuid,
  elapsed_ms double precision,
  events     uuid[],
  outcomes   text[],
  codes      text[],
  errors     text[],
  of_claim   uuid default null,
  claims_next boolean default false
) returns uuid[]
language plpgsql set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  started constant timestamptz := statement_timestamp() - make_interval(secs => elapsed_ms / 1000);
  own xid8;
  has_claim boolean := false;
  existing uuid[];
  recorded integer;
  passed uuid[];
  again uuid[];
begin
  -- What is written from here on is claimed by this worker: see fill_outbox.
  perform set_config('watchpost.claimed_by', case when claims_next then by_worker::text else '' end, true);

  if of_claim is not null then
    delete from watchpost.claim as c where c.id = of_claim and c.worker_id = by_worker;
    has_claim := found;
  end if;
  -- The events of a claim exist if the claim does: its outbox rows were written together with them.
  if not has_claim then
    existing := array(select e.id from watchpost.event as e where e.id = any (events));
  end if;

  insert into watchpost.handling
    (event_id, task, outcome, attempt, worker_id, started_at, duration_ms, code, error)
  select a.event_id, of_task, coalesce(a.outcome, 'done'), of_attempt, by_worker, started, elapsed_ms::real, a.code, a.error
  from unnest(events, outcomes, codes, errors) as a (event_id, outcome, code, error)
  where (has_claim or a.event_id = any (existing))
    -- A slow worker that fails at what another has done meanwhile has nothing to record, nor has one that would retry
    -- what has come to an end by now.
    and case a.outcome
      when 'failed' then not watchpost.has_ended(a.event_id, of_task, '{done,gone}')
      when 'refused' then not watchpost.has_ended(a.event_id, of_task, '{done,gone}')
      when 'retry' then not watchpost.has_ended(a.event_id, of_task)
      else true
    end
  on conflict (event_id, task) where outcome in ('done', 'gone') do nothing;
  get diagnostics recorded = row_count;

  -- RETURNING would cost 1.5 us an event, and nearly always return all of them.
  passed := events;
  if recorded <> cardinality(events) then
    own := watchpost.add_to_xid(pg_current_xact_id(), watchpost.xid_added());
    passed := array(
      select h.event_id
      from watchpost.handling as h
      where h.event_id = any (events) and h.task = of_task and h.xid = own and h.started_at = started
    );
  end if;

  if has_claim and 'retry' = any (outcomes) then
    again := array(
      select a.event_id
      from unnest(events, outcomes) as a (event_id, outcome)
      where a.outcome = 'retry' and a.event_id = any (passed)
    );
    if again <> '{}' then
      perform watchpost.retry_later(of_task, watchpost.items_of(again), of_attempt);
    end if;
  end if;
  return passed;
end;
$$;

comment on function watchpost.fence is 'Records what became of some events in a task, and returns those that nobody has done before: only their rows may be written, in the same transaction. outcomes, codes and errors: one for each event, or null if all are done. of_claim: the claim that ends with this. claims_next: the worker claims what these rows lead to.';


create or replace view watchpost.ended_task with (security_invoker = true) as
select h.event_id, h.task, h.outcome
from watchpost.handling as h
where h.outcome in ('done', 'gone')
  or (
    h.outcome in ('failed', 'refused')
    and not exists (
      select
      from watchpost.handling as r
      where r.event_id = h.event_id and r.task = h.task and r.outcome = 'replayed' and r.id > h.id
    )
  );

comment on view watchpost.ended_task is 'Tasks that have come to an end with an event: done, gone, or refused or failed and not replayed since. Every other task of event.tasks owes a handling.';


-- In plpgsql: as a subquery of an INSERT it might be planned as a scan of all handlings.
create or replace function watchpost.has_ended(event uuid, of_task text, outcomes text[] default '{done,gone,refused,failed}') returns boolean
language plpgsql stable set plan_cache_mode = force_generic_plan
as $$
begin
  return exists (
    select from watchpost.ended_task as d where d.event_id = event and d.task = of_task and d.outcome = any (outcomes)
  );
end;
$$;

comment on function watchpost.has_ended is 'Whether a task has come to an end with an event, by one of these outcomes.';
