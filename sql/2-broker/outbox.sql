-- How an event becomes work.
--
--   1. A row of watchpost.event is inserted. Its trigger writes one outbox row for each task of the event.
--   2. A worker claims a batch (claim.sql): claim() moves the outbox rows into one row of watchpost.claim that bears the worker's id.
--   3. The worker does the work. fence() deletes the claim in the transaction that writes what came of it. What that
--      transaction leads to is claimed by the same worker as it is written, and claimed_here() returns it.
--   4. Of a claim that is not handled, one of these becomes true: the attempt failed, and fence() makes a graphile-worker
--      job of it, which is run again after a pause (jobs.sql); the worker stopped, and released it; the worker died, and
--      rescue() releases it (rescue.sql). A released claim is claimed again before anything of the outbox.
--
-- Rows of a subscription with delivery = 'job' are not claimed: relay() makes graphile-worker jobs of them (jobs.sql).
--
-- A claim does not begin at the first row of a queue but at a lower bound, which bounds.sql explains.

-- As text, from which a whole batch becomes one json: a cast for each item took 3 of the 5.5 us that claiming an event took.
create or replace function watchpost.item_text(event_id uuid, payload jsonb) returns text
language sql immutable
return '{"event_id": "' || event_id::text || '"' || coalesce(', ' || nullif(substr(payload::text, 2), '}'), '}');

comment on function watchpost.item_text(uuid, jsonb) is 'An event as one item of what a task is given, its payload with its event_id, as the text of a JSON object.';


create or replace function watchpost.source_of(payload jsonb) returns text
language sql immutable
return coalesce(payload ->> 'source', '');

comment on function watchpost.source_of(jsonb) is 'outbox.source of an event: whose photo it is about, or empty.';


-- In plpgsql, whose plan a session keeps: an SQL function was parsed and planned for every statement that writes events.
create or replace function watchpost.subscribers(of_topic text) returns text[]
language plpgsql stable
as $$
begin
  return (
    select coalesce(array_agg(s.task order by s.task), '{}')
    from watchpost.subscription as s
    where s.topic = of_topic and s.enabled
  );
end;
$$;

comment on function watchpost.subscribers(text) is 'The tasks that consume a topic now.';


-- watchpost.claimed_by is set by fence() for its own transaction: the worker that claims what it writes. What is
-- urgent of that (a priority below 0), and the worker runs, is written as a claim of that worker. More than
-- four batches are left in the outbox, as work for several.
create or replace function watchpost.fill_outbox() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  worker uuid := nullif(current_setting('watchpost.claimed_by', true), '')::uuid;
begin
  if worker is null then
    -- unnest() in the select list: as a join it kept a tuplestore for each event.
    insert into watchpost.outbox (event_id, task, topic, source, payload)
    select e.id, unnest(e.tasks), e.topic, watchpost.source_of(e.payload), e.payload
    from new_rows as e;
  else
    with due as materialized (
      select e.id, unnest(e.tasks) as task, e.topic, e.payload
      from new_rows as e
    ),
    claimed as (
      insert into watchpost.claim (task, topic, events, worker_id)
      select d.task, d.topic, array_agg(d.id order by d.id), worker
      from due as d
      join watchpost.subscription as s
        on s.topic = d.topic and s.task = d.task and s.delivery = 'claim' and s.priority < 0
      where d.task = any (array(select unnest(w.tasks) from watchpost.worker as w where w.id = worker))
        and not exists (select from watchpost.task_pause as p where p.task = d.task)
      group by d.task, d.topic, s.batch_size
      having count(*) <= 4 * s.batch_size
      returning task, topic
    )
    insert into watchpost.outbox (event_id, task, topic, source, payload)
    select d.id, d.task, d.topic, watchpost.source_of(d.payload), d.payload
    from due as d
    where not exists (select from claimed as c where c.task = d.task and c.topic = d.topic);
  end if;
  return null;
end;
$$;

comment on function watchpost.fill_outbox() is 'One outbox row for each new event and each of its tasks, or a claim of the worker that writes them.';

create or replace trigger event_fill_outbox after insert on watchpost.event
referencing new table as new_rows
for each statement execute function watchpost.fill_outbox();


-- Under a source of their own, which has turns like any other: the keys of these events are below the bounds of the sources
-- they came from.
create or replace function watchpost.enqueue(events uuid[], of_task text) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  enqueued integer;
begin
  insert into watchpost.outbox (event_id, task, topic, source, payload)
  select e.id, of_task, e.topic, 'again', e.payload
  from unnest(events) as a (id)
  join watchpost.event as e on e.id = a.id
  on conflict do nothing;
  get diagnostics enqueued = row_count;
  return enqueued;
end;
$$;

comment on function watchpost.enqueue(uuid[], text) is 'Puts events into the outbox for a task again; returns how many were not there.';
