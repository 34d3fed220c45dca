-- How an event becomes work.
--
--   1. A row of watchpost.event is inserted. Its trigger writes one outbox row for each task of the event.
--   2. A worker claims outbox rows: claim() marks them with the worker's id. Nothing else decides who does what.
--   3. The worker does the work. fence(), in the transaction that writes what came of it, deletes the outbox rows. What
--      that transaction leads to is claimed by the same worker as it is written, and claimed_here() returns it.
--   4. Of a row that is claimed and not handled, one of these becomes true: the attempt failed, and fence() makes a
--      graphile-worker job of it, which is run again after a pause (retries.sql); the worker stopped, and released it; the
--      worker died, and rescue() releases it (rescue.sql).
--
-- Rows of a subscription with delivery = 'job' are not claimed: relay() makes graphile-worker jobs of them.
--
-- Deleted rows stay in the table and its index for as long as any transaction holds a snapshot from before, because
-- vacuum may not remove them. A claim therefore begins at a lower bound (outbox_bounds): with 137,000 dead rows before
-- it, the oldest row was found in 27 ms without a bound and in 0.5 ms with one.

create or replace function watchpost.job_item(event_id uuid, payload jsonb) returns json
language sql immutable
return (
  '{"event_id": "' || event_id || case payload when '{}' then '"}' else '", ' || substr(payload::text, 2) end
)::json;

comment on function watchpost.job_item(uuid, jsonb) is 'An event as one item of what a task is given: its payload with its event_id.';


create or replace function watchpost.source_of(payload jsonb) returns text
language sql immutable
return coalesce(payload ->> 'source', '');

comment on function watchpost.source_of(jsonb) is 'outbox.source of an event: whose photo it is about, or empty.';


-- event -> outbox -----------------------------------------------------------------------------------------------------

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


-- watchpost.claimed_by is set by fence() for its own transaction: the worker that goes on with what it writes. Those of
-- its rows that are urgent (a priority below 0) are born claimed, so that nobody has to look for them.
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
    insert into watchpost.outbox (event_id, task, topic, source, payload, attempts, claimed_by, claimed_at)
    select
      e.id, t.task, e.topic, watchpost.source_of(e.payload), e.payload,
      case when s.task is null then 0 else 1 end,
      case when s.task is not null then worker end,
      case when s.task is not null then now() end
    from new_rows as e
    cross join unnest(e.tasks) as t (task)
    left join watchpost.subscription as s
      on s.topic = e.topic and s.task = t.task and s.delivery = 'claim' and s.priority < 0;
  end if;
  return null;
end;
$$;

comment on function watchpost.fill_outbox() is 'One outbox row for each new event and each of its tasks.';

create or replace trigger event_fill_outbox after insert on watchpost.event
referencing new table as new_rows
for each statement execute function watchpost.fill_outbox();


create or replace function watchpost.enqueue(events uuid[], of_task text) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  enqueued integer;
begin
  insert into watchpost.outbox (event_id, task, topic, source, payload)
  select e.id, of_task, e.topic, watchpost.source_of(e.payload), e.payload
  from unnest(events) as a (id)
  join watchpost.event as e on e.id = a.id
  on conflict do nothing;
  get diagnostics enqueued = row_count;
  return enqueued;
end;
$$;

comment on function watchpost.enqueue(uuid[], text) is 'Puts events into the outbox for a task again; returns how many were not there.';


-- outbox -> worker ----------------------------------------------------------------------------------------------------

-- The queues of some tasks, in the order in which they are claimed. bounds is an object with the keys 'task topic'.
create or replace function watchpost.claimable(tasks text[], bounds jsonb) returns table (
  task text, topic text, batch_size integer, max_attempts smallint, bound uuid
)
language sql stable rows 10
begin atomic
  select
    s.task, s.topic, s.batch_size, s.max_attempts,
    coalesce(bounds ->> (s.task || ' ' || s.topic), '00000000-0000-0000-0000-000000000000')::uuid
  from watchpost.subscription as s
  where s.delivery = 'claim'
    and s.task = any (tasks)
    and not exists (select from watchpost.task_pause as p where p.task = s.task)
  order by s.priority, s.task, s.topic;
end;

comment on function watchpost.claimable(text[], jsonb) is 'The queues that a worker with these tasks claims from now, the most urgent first.';


-- Marks up to max_rows waiting rows of one source as claimed. Rows that another session is claiming are skipped.
create or replace function watchpost.claim_rows(
  worker uuid, of_task text, of_topic text, of_source text, bound uuid, max_rows integer
) returns table (event_id uuid, payload jsonb, attempts smallint)
language plpgsql rows 10 set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
begin
  return query
  update watchpost.outbox as o
  set claimed_by = worker, claimed_at = clock_timestamp(), attempts = o.attempts + 1
  where o.ctid = any (array(
    select w.ctid
    from watchpost.outbox as w
    where w.task = of_task and w.topic = of_topic and w.source = of_source and w.event_id >= bound
      and w.claimed_by is null
    order by w.event_id
    limit max_rows
    for update skip locked
  ))
  returning o.event_id, o.payload, o.attempts;
end;
$$;

comment on function watchpost.claim_rows is 'Claims the oldest waiting events of one queue and source.';


-- The source whose turn it is: the next one after that which had the last turn, in a circle.
create or replace function watchpost.next_source(of_task text, of_topic text, last_source text) returns text
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  found_source text;
begin
  select o.source into found_source
  from watchpost.outbox as o
  where o.task = of_task and o.topic = of_topic and o.source > last_source and o.claimed_by is null
  order by o.source, o.event_id
  limit 1;
  if found_source is null and last_source <> '' then
    return watchpost.next_source(of_task, of_topic, '');
  end if;
  return found_source;
end;
$$;

comment on function watchpost.next_source is 'The source that has the next turn in a queue; null: nothing of any source waits.';


-- Claims and jobs are not flushed to disk by themselves: after a crash of the database the events wait again.
--
-- Queues by priority, and in a queue with sources one batch of each in turn. The worker passes the source that had its
-- last turn; after a restart it begins anywhere.
create or replace function watchpost.claim(
  worker uuid, tasks text[], max_batches integer, last_source text default '', bounds jsonb default '{}', relays boolean default false
) returns table (task text, items json, attempts smallint, max_attempts smallint, source text)
language plpgsql
as $$
declare
  queue record;
  of_source text;
  nothing constant uuid := '00000000-0000-0000-0000-000000000000';
  batches integer := max_batches;
  claimed integer;
begin
  perform set_config('synchronous_commit', 'off', true);
  if relays then
    perform watchpost.relay();
  end if;
  if max_batches = 0
    or not exists (select from watchpost.worker as w where w.id = worker and w.stopped_at is null and w.lost_at is null)
  then
    return;
  end if;
  for queue in select c.* from watchpost.claimable(tasks, bounds) as c loop
    exit when batches <= 0;
    return query
    select queue.task, json_agg(watchpost.job_item(n.event_id, n.payload) order by n.event_id), max(n.attempts), queue.max_attempts, ''
    from (
      select r.*, (row_number() over (order by r.event_id) - 1) / queue.batch_size as batch
      from watchpost.claim_rows(worker, queue.task, queue.topic, '', queue.bound, batches * queue.batch_size) as r
    ) as n
    group by n.batch
    order by n.batch;
    get diagnostics claimed = row_count;
    batches := batches - claimed;

    while batches > 0 loop
      of_source := watchpost.next_source(queue.task, queue.topic, last_source);
      exit when of_source is null;
      return query
      select queue.task, json_agg(watchpost.job_item(r.event_id, r.payload) order by r.event_id), max(r.attempts), queue.max_attempts, of_source
      from watchpost.claim_rows(worker, queue.task, queue.topic, of_source, nothing, queue.batch_size) as r
      having count(*) > 0;
      get diagnostics claimed = row_count;
      -- All of that source's rows are being claimed by somebody else at this moment: come back for them later.
      exit when claimed = 0;
      batches := batches - claimed;
      last_source := of_source;
    end loop;
  end loop;
end;
$$;

comment on function watchpost.claim is 'Claims up to so many batches of waiting events for a worker: urgent tasks first, then one batch of each source in turn; relays: makes jobs of the events that are not to be claimed, too. A worker that was taken for dead gets nothing until it has beaten again.';


-- What a transaction has claimed as it wrote it (fill_outbox), one batch a task. What is more than four batches is work
-- for several workers, and what this one does not run, or is paused, for others: it is released.
create or replace function watchpost.claimed_here(worker uuid, own_tasks text[], written integer) returns table (
  task text, items json, attempts smallint, max_attempts smallint, source text
)
language plpgsql rows 4 set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
declare
  queue record;
begin
  for queue in
    select
      o.task, o.topic, s.max_attempts,
      o.task = any (own_tasks)
        and count(*) <= 4 * s.batch_size
        and not exists (select from watchpost.task_pause as p where p.task = o.task) as stays,
      array_agg(o.event_id) as events,
      json_agg(watchpost.job_item(o.event_id, o.payload) order by o.event_id) as items
    from watchpost.event as e
    cross join unnest(e.tasks) as t (task)
    join watchpost.outbox as o
      on o.task = t.task and o.topic = e.topic and o.source = watchpost.source_of(e.payload) and o.event_id = e.id
        and o.claimed_by = worker
    join watchpost.subscription as s on s.task = o.task and s.topic = o.topic
    where e.xid = pg_current_xact_id() and e.id >= watchpost.uuidv7_at(now() - interval '1 second')
    group by o.task, o.topic, s.batch_size, s.max_attempts, s.priority
    order by s.priority
  loop
    if queue.stays then
      return query select queue.task, queue.items, 1::smallint, queue.max_attempts, '';
    else
      update watchpost.outbox as o
      set claimed_by = null, claimed_at = null, attempts = 0
      where o.task = queue.task and o.topic = queue.topic and o.event_id = any (queue.events);
    end if;
  end loop;
end;
$$;

comment on function watchpost.claimed_here is 'The events that this transaction has written and claimed for a worker, as what their tasks are to be given.';


create or replace function watchpost.release_claims(workers uuid[], older_than interval default '0', but uuid[] default '{}') returns integer
language plpgsql
as $$
declare
  released integer;
begin
  update watchpost.outbox as o
  set claimed_by = null, claimed_at = null
  where o.claimed_by = any (workers)
    and o.claimed_at <= clock_timestamp() - older_than
    and o.event_id <> all (but);
  get diagnostics released = row_count;
  return released;
end;
$$;

comment on function watchpost.release_claims is 'Lets other workers claim what these have claimed, but for some events; returns how many were released.';


-- Where claims may begin, for each queue that has rows: nothing waits before it. From the bounds that are given if there
-- are any, else over all rows, dead ones included; that finds what was committed late, and is therefore done every few
-- seconds. Where a queue has no row left, the bound is a moment ago, for transactions that are still to commit.
create or replace function watchpost.outbox_bounds(from_bounds jsonb default '{}') returns jsonb
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  queue record;
  least uuid;
  bounds jsonb := '{}';
begin
  for queue in
    select c.* from watchpost.claimable(array(select distinct s.task from watchpost.subscription as s), from_bounds) as c
  loop
    select o.event_id into least
    from watchpost.outbox as o
    where o.task = queue.task and o.topic = queue.topic and o.source = '' and o.event_id >= queue.bound
    order by o.event_id
    limit 1;
    bounds := bounds || jsonb_build_object(
      queue.task || ' ' || queue.topic,
      coalesce(least, watchpost.uuidv7_at(clock_timestamp() - interval '2 seconds'))
    );
  end loop;
  return bounds;
end;
$$;

comment on function watchpost.outbox_bounds(jsonb) is 'For each queue the key at which its claims may begin, as an object with the keys "task topic".';
