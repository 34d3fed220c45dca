-- How long do the stages make an event wait, and how long do they take, by median and 95th percentile?
with parameters as (
  select interval '1 day' as period
),
done as (
  select h.task, h.duration_ms, extract(epoch from h.started_at - e.created_at) * 1000 as waited_ms
  from watchpost.handling as h
  join watchpost.event as e on e.id = h.event_id
  cross join parameters as p
  -- By the key too, so that one partition is read.
  where h.outcome = 'done' and h.created_at > now() - p.period and h.event_id > watchpost.uuidv7_at(now() - p.period)
)
select
  d.task,
  count(*) as events,
  round(percentile_cont(0.5) within group (order by d.duration_ms)::numeric, 1) as p50_ms,
  round(percentile_cont(0.95) within group (order by d.duration_ms)::numeric, 1) as p95_ms,
  round(percentile_cont(0.5) within group (order by d.waited_ms)::numeric, 1) as waited_p50_ms,
  round(percentile_cont(0.95) within group (order by d.waited_ms)::numeric, 1) as waited_p95_ms
from done as d
group by d.task
order by p95_ms desc;
