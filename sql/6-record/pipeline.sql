-- The pipeline at one glance: what waits for each task, and how fast it is handled. The API, /metrics and "watchpost status"
-- all read it here.

-- Handlings have no index by time. But transaction ids are in the order of time, and events have an index by time: what was
-- handled since then is of a transaction later than that of the last event before then. A minute of slack, for a transaction
-- that began before it wrote.
create or replace function watchpost.first_xid_since(moment timestamptz) returns xid8
language plpgsql stable
as $$
begin
  return coalesce(
    (
      select e.xid
      from watchpost.event as e
      where e.id < watchpost.uuidv7_at(moment - interval '1 minute')
      order by e.id desc
      limit 1
    ),
    '0'
  );
end;
$$;

comment on function watchpost.first_xid_since(timestamptz) is 'No handling that was written after this moment has an earlier xid. By the index of (xid, id), which is in the order of time.';


-- With its owner's rights: it counts rows of all sites, and jobs. Those who do not see everything get no rows.
create or replace function watchpost.read_pipeline() returns table (
  task text, enabled boolean, paused_at timestamptz, done_last_minute integer, rate_1m real, rate_10m real, waiting integer,
  running integer, oldest_age interval, p50_ms real, p95_ms real, retries integer, dead_letters integer
)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set jit = off
as $$
declare
  now_at constant timestamptz := clock_timestamp();
  from_xid constant xid8 := watchpost.first_xid_since(now_at - interval '10 minutes');
begin
  if not watchpost.sees_all() then
    return;
  end if;
  return query
  with known as (
    select s.task, bool_or(s.enabled) as enabled from watchpost.subscription as s group by s.task
  ),
  -- With 180,000 events in ten minutes 310 ms, of which sorting the durations takes two thirds; all the rest takes 60.
  recent as (
    select
      h.task,
      count(*) as in_10m,
      count(*) filter (where h.created_at > now_at - interval '1 minute') as in_1m,
      percentile_cont('{0.5,0.95}'::double precision[]) within group (order by h.duration_ms) as ms
    from watchpost.handling as h
    -- Of that transaction itself, which may have written millions of rows, only the late ones.
    where (h.xid, h.id) >= (from_xid, watchpost.uuidv7_at(now_at - interval '11 minutes'))
      and h.created_at > now_at - interval '10 minutes'
      and h.outcome in ('done', 'gone', 'refused')
    group by h.task
  ),
  job as (
    select
      j.task,
      j.locked_at is not null as is_running,
      j.attempts,
      case json_typeof(j.payload) when 'array' then json_array_length(j.payload) else 1 end as events,
      j.payload -> 0 ->> 'event_id' as oldest
    from watchpost.list_jobs() as j
    where j.locked_at is not null or j.attempts < j.max_attempts
  ),
  -- As text, because min() of a uuid came with Postgres 18. What was put back by hand is as old as its event, which says
  -- nothing of how long it has waited.
  queued as (
    select
      o.task, count(*) as waiting, 0 as running, 0 as retries,
      min(o.event_id::text collate "C") filter (where o.source <> 'again') as oldest
    from watchpost.outbox as o
    group by o.task
    union all
    select
      c.task,
      sum(cardinality(c.events)) filter (where c.worker_id is null),
      sum(cardinality(c.events)) filter (where c.worker_id is not null),
      0,
      min(c.events[1]::text collate "C") filter (where c.worker_id is null)
    from watchpost.claim as c
    group by c.task
    union all
    select
      j.task,
      sum(j.events) filter (where not j.is_running and j.attempts = 0),
      sum(j.events) filter (where j.is_running),
      sum(j.events) filter (where not j.is_running and j.attempts > 0),
      min(j.oldest collate "C") filter (where not j.is_running and j.attempts = 0)
    from job as j
    group by j.task
  ),
  queue as (
    select
      q.task,
      sum(q.waiting) as waiting,
      sum(q.running) as running,
      sum(q.retries) as retries,
      now_at - watchpost.uuidv7_time(min(q.oldest)::uuid) as oldest_age
    from queued as q
    group by q.task
  ),
  -- A thousand at most: each is compared with what came later.
  letter as (
    select l.task, count(*) as n
    from (select d.task from watchpost.dead_letter as d order by d.id desc limit 1000) as l
    group by l.task
  )
  select
    k.task,
    k.enabled,
    p.paused_at,
    coalesce(r.in_1m, 0)::integer,
    (coalesce(r.in_1m, 0) / 60.0)::real,
    (coalesce(r.in_10m, 0) / 600.0)::real,
    coalesce(q.waiting, 0)::integer,
    coalesce(q.running, 0)::integer,
    case when q.oldest_age is not null then greatest(q.oldest_age, '0') end,
    r.ms[1]::real,
    r.ms[2]::real,
    coalesce(q.retries, 0)::integer,
    coalesce(l.n, 0)::integer
  from known as k
  left join recent as r on r.task = k.task
  left join queue as q on q.task = k.task
  left join letter as l on l.task = k.task
  left join watchpost.task_pause as p on p.task = k.task
  order by k.task;
end;
$$;

comment on function watchpost.read_pipeline() is 'The rows of the view pipeline; none for those who do not see all sites.';


create or replace view watchpost.pipeline with (security_invoker = true) as
select
  p.task, p.enabled, p.paused_at, p.done_last_minute, p.rate_1m, p.rate_10m, p.waiting, p.running, p.oldest_age, p.p50_ms,
  p.p95_ms, p.retries, p.dead_letters
from watchpost.read_pipeline() as p;

comment on view   watchpost.pipeline                  is 'How each task stands: how fast, how much waits and for how long. For those who see all sites.';
comment on column watchpost.pipeline.enabled          is 'False: new events are not handed to it.';
comment on column watchpost.pipeline.paused_at        is 'Since when it is paused; null: it is not.';
comment on column watchpost.pipeline.done_last_minute is 'Events that came to an end in the last minute: done, gone or refused.';
comment on column watchpost.pipeline.rate_1m          is 'Events a second, over the last minute.';
comment on column watchpost.pipeline.rate_10m         is 'Events a second, over the last ten minutes.';
comment on column watchpost.pipeline.waiting          is 'Events that nobody has begun.';
comment on column watchpost.pipeline.running          is 'Events that a worker has in hand.';
comment on column watchpost.pipeline.oldest_age       is 'How long ago the oldest waiting event was written, without those that were put back by hand; null: none waits.';
comment on column watchpost.pipeline.p50_ms           is 'Half of the events of the last ten minutes took so long or less, from when their batch was begun until its rows were written; null: there were none.';
comment on column watchpost.pipeline.p95_ms           is 'The same of 95 in 100.';
comment on column watchpost.pipeline.retries          is 'Events that have failed and wait to be tried again.';
comment on column watchpost.pipeline.dead_letters     is 'Of the latest thousand dead letters, those of this task.';
