-- Claiming: outbox rows become claims of a worker, as outbox.sql says.

-- The queues of some tasks, in the order in which they are claimed.
create or replace function watchpost.claimable(tasks text[], bounds jsonb) returns table (
  task text, topic text, batch_size integer, max_attempts smallint, from_keys jsonb
)
language sql stable rows 10
begin atomic
  select s.task, s.topic, s.batch_size, s.max_attempts, coalesce(bounds -> (s.task || ' ' || s.topic), '{}')
  from watchpost.subscription as s
  where s.delivery = 'claim'
    and s.task = any (tasks)
    and not exists (select from watchpost.task_pause as p where p.task = s.task)
  order by s.priority, s.task, s.topic;
end;

comment on function watchpost.claimable(text[], jsonb) is 'The queues that a worker with these tasks claims from now, the most urgent first, and the bounds of each by source.';


-- Moves the oldest waiting events of one queue and source into claims of batch_size events. Rows that another session is
-- claiming are skipped.
create or replace function watchpost.claim_rows(
  worker uuid, of_task text, of_topic text, of_source text, bounds jsonb, max_rows integer, batch_size integer
) returns table (id uuid, items json)
language plpgsql rows 4
as $$
declare
  bound constant uuid := coalesce(bounds ->> of_source, '00000000-0000-0000-0000-000000000000');
begin
  return query
  with taken as (
    delete from watchpost.outbox as o
    where o.ctid = any (array(
      select w.ctid
      from watchpost.outbox as w
      where w.task = of_task and w.topic = of_topic and w.source = of_source and w.event_id >= bound
      order by w.event_id
      limit max_rows
      for update skip locked
    ))
    returning o.event_id, o.payload
  ),
  batched as materialized (
    select
      watchpost.uuidv7() as id,
      array_agg(t.event_id) as events,
      ('[' || string_agg(watchpost.item_text(t.event_id, t.payload), ',') || ']')::json as items
    from (
      select d.event_id, d.payload, (row_number() over (order by d.event_id) - 1) / batch_size as batch
      from taken as d
    ) as t
    group by t.batch
  ),
  claimed as (
    insert into watchpost.claim (id, task, topic, events, worker_id)
    select b.id, of_task, of_topic, b.events, worker
    from batched as b
  )
  select b.id, b.items from batched as b order by b.events[1];
end;
$$;

comment on function watchpost.claim_rows is 'Claims the oldest waiting events of one queue and source.';


create or replace function watchpost.items_of(events uuid[]) returns json
language plpgsql stable set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select ('[' || coalesce(string_agg(watchpost.item_text(e.id, e.payload), ',' order by e.id), '') || ']')::json
    from unnest(events) as a (id)
    join watchpost.event as e on e.id = a.id
  );
end;
$$;

comment on function watchpost.items_of(uuid[]) is 'Events as what a task is given.';


-- The source whose turn it is: the next one after that which had the last turn, in a circle. Sources with a bound are
-- asked for by it, and others are searched between them, so that no deleted row of a source with a bound is read.
create or replace function watchpost.next_source(of_task text, of_topic text, last_source text, bounds jsonb) returns text
language plpgsql
as $$
declare
  -- In the order of the index, after last_source.
  known text[] := array(
    select k.source collate "C"
    from jsonb_object_keys(bounds) as k (source)
    where k.source collate "C" > last_source
    order by 1
  );
  after_source text := last_source;
  found_source text;
  next_known text;
begin
  foreach next_known in array known loop
    select o.source into found_source
    from watchpost.outbox as o
    where o.task = of_task and o.topic = of_topic and o.source > after_source and o.source < next_known
    order by o.source, o.event_id
    limit 1;
    if found then
      return found_source;
    end if;
    if exists (
      select
      from watchpost.outbox as o
      where o.task = of_task and o.topic = of_topic and o.source = next_known
        and o.event_id >= coalesce(bounds ->> next_known, '00000000-0000-0000-0000-000000000000')::uuid
    ) then
      return next_known;
    end if;
    after_source := next_known;
  end loop;

  select o.source into found_source
  from watchpost.outbox as o
  where o.task = of_task and o.topic = of_topic and o.source > after_source
  order by o.source, o.event_id
  limit 1;
  if found_source is null and last_source <> '' then
    return watchpost.next_source(of_task, of_topic, '', bounds);
  end if;
  return found_source;
end;
$$;

comment on function watchpost.next_source is 'The source that has the next turn in a queue; null: nothing of any source waits.';


-- Claims and jobs are not flushed to disk by themselves: after a crash of the database the events wait again.
--
-- Queues by priority, and in a queue with sources one batch of each in turn. The worker passes the source that had its
-- last turn; after a restart it begins anywhere.
--
-- The settings are of this function, for all that it calls: an index is used whatever the statistics say, and plans are kept.
-- Settings of the called ones as well would double the time of a claim that finds nothing.
create or replace function watchpost.claim(
  worker uuid, tasks text[], max_batches integer, last_source text default '', bounds jsonb default '{}', relays boolean default false
) returns table (id uuid, task text, topic text, items json, attempts smallint, max_attempts smallint, source text)
language plpgsql
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  queue record;
  of_source text;
  batches integer := max_batches;
  claimed integer;
begin
  -- Not a setting of the function: those end before the commit.
  perform set_config('synchronous_commit', 'off', true);
  if relays then
    perform watchpost.relay();
  end if;
  if max_batches = 0
    or not exists (select from watchpost.worker as w where w.id = worker and w.stopped_at is null and w.lost_at is null)
  then
    return;
  end if;

  if exists (select from watchpost.claim as c where c.worker_id is null and c.task = any (tasks)) then
    return query select r.* from watchpost.claim_released(worker, tasks, batches) as r;
    get diagnostics claimed = row_count;
    batches := batches - claimed;
  end if;

  for queue in select c.* from watchpost.claimable(tasks, bounds) as c loop
    exit when batches <= 0;
    if exists (
      select
      from watchpost.outbox as o
      where o.task = queue.task and o.topic = queue.topic and o.source = ''
        and o.event_id >= coalesce(queue.from_keys ->> '', '00000000-0000-0000-0000-000000000000')::uuid
    ) then
      return query
      select r.id, queue.task, queue.topic, r.items, 1::smallint, queue.max_attempts, ''
      from watchpost.claim_rows(worker, queue.task, queue.topic, '', queue.from_keys, batches * queue.batch_size, queue.batch_size) as r;
      get diagnostics claimed = row_count;
      batches := batches - claimed;
    end if;

    while batches > 0 loop
      of_source := watchpost.next_source(queue.task, queue.topic, last_source, queue.from_keys);
      exit when of_source is null;
      return query
      select r.id, queue.task, queue.topic, r.items, 1::smallint, queue.max_attempts, of_source
      from watchpost.claim_rows(worker, queue.task, queue.topic, of_source, queue.from_keys, queue.batch_size, queue.batch_size) as r;
      get diagnostics claimed = row_count;
      -- All of that source's rows are being claimed by another worker at this moment: they are left for a later claim.
      exit when claimed = 0;
      batches := batches - claimed;
      last_source := of_source;
    end loop;
  end loop;
end;
$$;

comment on function watchpost.claim is 'Claims up to so many batches of waiting events for a worker: what was released first, then urgent tasks, then one batch of each source in turn; relays: makes jobs of the events that are not to be claimed, too. A worker that was taken for dead gets nothing until it has beaten again.';


-- A key of a claim begins with the time at which it was made, so that those of this transaction are found by it.
create or replace function watchpost.claimed_here(worker uuid, written integer) returns table (
  id uuid, task text, topic text, items json, attempts smallint, max_attempts smallint, source text
)
language plpgsql rows 2 set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
begin
  return query
  select c.id, c.task, c.topic, watchpost.items_of(c.events), c.attempts, coalesce(s.max_attempts, watchpost.default_attempts()), ''
  from watchpost.claim as c
  left join watchpost.subscription as s on s.task = c.task and s.topic = c.topic
  where c.id >= watchpost.uuidv7_at(now() - interval '1 second') and c.worker_id = worker
    and c.xmin = pg_current_xact_id()::xid
  order by s.priority, c.id;
end;
$$;

comment on function watchpost.claimed_here is 'What this transaction has claimed for a worker as it wrote it.';
