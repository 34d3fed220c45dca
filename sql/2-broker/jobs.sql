-- What becomes a graphile-worker job, all by its public functions: attempts that failed, and the events of subscriptions
-- with delivery = 'job'. A job carries its task as a flag, by which workers skip paused tasks.

create or replace function watchpost.retry_later(of_task text, items json, attempts integer) returns void
language plpgsql
as $$
declare
  job bigint;
  wiring record;
begin
  select max(s.max_attempts) as max_attempts, min(s.priority) as priority into wiring
  from watchpost.subscription as s
  where s.task = of_task;
  select j.id into job
  from graphile_worker.add_job(
    of_task, items,
    run_at => now() + exp(least(attempts, 10)) * interval '1 second',
    max_attempts => coalesce(wiring.max_attempts, watchpost.default_attempts()),
    priority => coalesce(wiring.priority, 0),
    flags => array[of_task]
  ) as j;
  -- The attempts before count.
  perform graphile_worker.reschedule_jobs(array[job], attempts => attempts);
end;
$$;

comment on function watchpost.retry_later is 'Makes a job of events whose attempt failed: it runs after e^attempts seconds, as graphile-worker paces its own retries.';


-- Several relays run side by side; SKIP LOCKED keeps them off each other's rows. One add_jobs for all, as each call makes
-- a NOTIFY, for which all that commit at that moment wait for each other. The rows are deleted in the same transaction: a
-- job exists or its outbox row does, never neither.
create or replace function watchpost.relay(max_rows integer default 2000, of_deleted boolean default false) returns integer
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  queue record;
  due tid[] := '{}';
  taken integer;
  specs graphile_worker.job_spec[];
begin
  for queue in select q.task, q.topic from watchpost.relayed_queues(of_deleted) as q loop
    due := due || array(
      select o.ctid
      from watchpost.outbox as o
      where o.task = queue.task and o.topic = queue.topic
      order by o.source, o.event_id
      limit max_rows
      for update skip locked
    );
  end loop;
  if due = '{}' then
    return 0;
  end if;

  with taken_rows as (
    delete from watchpost.outbox as o
    where o.ctid = any (due)
    returning o.event_id, o.task, o.topic, o.payload
  ),
  batched as (
    select
      t.topic,
      t.task,
      watchpost.item_text(t.event_id, t.payload) as item,
      (row_number() over (partition by t.topic, t.task order by t.event_id) - 1) / coalesce(s.batch_size, 1) as batch,
      s.max_attempts,
      s.priority,
      s.task || ' ' || (t.payload ->> s.queue_by) as queue
    from taken_rows as t
    left join watchpost.subscription as s on s.topic = t.topic and s.task = t.task
  ),
  jobs as (
    select
      b.task,
      b.batch,
      ('[' || string_agg(b.item, ',') || ']')::json as payload,
      min(b.max_attempts) as max_attempts,
      min(b.priority) as priority,
      min(b.queue) as queue,
      count(*) as events
    from batched as b
    group by b.topic, b.task, b.batch
  )
  select
    sum(j.events),
    array_agg(
      (j.task, j.payload, j.queue, null, j.max_attempts, null, j.priority, array[j.task])::graphile_worker.job_spec
      order by j.batch
    )
  into taken, specs
  from jobs as j;

  perform graphile_worker.add_jobs(specs);
  return taken;
end;
$$;

comment on function watchpost.relay is 'Makes jobs of the outbox rows that are not claimed by workers, at most so many of each queue; returns of how many rows. of_deleted: also those whose subscription was deleted.';


-- Rows whose subscription was deleted meanwhile become jobs, too: their events still owe a handling. They are found by one
-- step of the index for each queue, which also reads rows that vacuum has not removed yet, 2 ms with 50,000 of them; so
-- upkeep looks for them once a minute, and not each relay.
create or replace function watchpost.relayed_queues(of_deleted boolean) returns table (task text, topic text)
language plpgsql stable rows 4 set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
as $$
begin
  return query select s.task, s.topic from watchpost.subscription as s where s.delivery = 'job';
  if not of_deleted then
    return;
  end if;

  return query
  with recursive queue as (
    (select o.task, o.topic from watchpost.outbox as o order by o.task, o.topic limit 1)
    union all
    select n.task, n.topic
    from queue as q
    cross join lateral (
      select o.task, o.topic
      from watchpost.outbox as o
      where (o.task, o.topic) > (q.task, q.topic)
      order by o.task, o.topic
      limit 1
    ) as n
  )
  select q.task, q.topic
  from queue as q
  where not exists (select from watchpost.subscription as s where s.task = q.task and s.topic = q.topic);
end;
$$;

comment on function watchpost.relayed_queues(boolean) is 'The queues whose rows are to become jobs.';
