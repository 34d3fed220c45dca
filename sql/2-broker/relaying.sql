-- How events become jobs.

-- As text, which is what a job keeps: taken apart and put together as jsonb it took twice as long. Inlined where it is
-- called.
create or replace function watchpost.job_item(event_id uuid, payload jsonb) returns json
language sql immutable
return (
  '{"event_id": "' || event_id || case payload when '{}' then '"}' else '", ' || substr(payload::text, 2) end
)::json;

comment on function watchpost.job_item(uuid, jsonb) is 'An event as one item of the payload of a job.';


-- Packs outbox rows into one job per batch and hands all jobs to graphile-worker with one add_jobs call, which makes one
-- NOTIFY. A job carries its task as a flag, by which workers skip paused tasks. The rows are deleted in the same
-- transaction: a job exists or its outbox row does, never neither.
--
-- Every statement, those of add_jobs too, is planned once a session and must do for an outbox of any size: the rows are
-- deleted by where they lie, as a lock keeps them there. Joined with what is taken, and planned anew for each call, 2,000
-- rows of 50,000 took 19.5 ms instead of 10, and a call that finds nothing 0.6 ms.
create or replace function watchpost.hand_over(due tid[]) returns integer
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  taken integer;
  specs graphile_worker.job_spec[];
begin
  with taken_rows as (
    delete from watchpost.outbox as o
    where o.ctid = any (due)
    returning o.event_id, o.task, o.topic, o.image_id, o.payload
  ),
  batched as (
    -- The events of an image rank the same, so they stay in one job as far as they are taken together (max_rows may
    -- part them).
    select
      t.topic,
      t.task,
      watchpost.job_item(t.event_id, t.payload) as item,
      (rank() over (partition by t.topic, t.task order by coalesce(t.image_id, t.event_id)) - 1)
        / coalesce(s.batch_size, 1) as batch,
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
      json_agg(b.item) as payload,
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

comment on function watchpost.hand_over(tid[]) is 'Turns outbox rows that the caller has locked, or written, into jobs; returns how many.';


-- Takes outbox rows and hands them over. Several relays run side by side; SKIP LOCKED keeps them off each other's rows.
--
-- A caller who has just written rows relays them at once (patient => false). One who only polls gives way if another
-- poll is going on (patient => true), and learns so by a null.
create or replace function watchpost.relay(max_rows integer default 2000, patient boolean default false) returns integer
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  due tid[];
begin
  if patient and not pg_try_advisory_xact_lock(hashtext('watchpost.relay')) then
    return null;
  end if;

  due := array(
    select o.ctid
    from watchpost.outbox as o
    order by o.event_id
    limit max_rows
    for update skip locked
  );
  if due = '{}' then
    return 0;
  end if;
  return watchpost.hand_over(due);
end;
$$;

comment on function watchpost.relay(integer, boolean) is 'Turns outbox rows into jobs; returns how many rows, or null if another patient relay was at it.';
