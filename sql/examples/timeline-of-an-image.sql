-- What happened to this photo, step by step, and how long did each step wait and take?
with parameters as (
  -- Here the latest photo; put the id of another one instead.
  select i.id as image_id
  from watchpost.image as i
  order by i.id desc
  limit 1
)
select t.at, t.topic, t.task, t.outcome, t.attempt, t.waited_ms, t.duration_ms, t.worker, t.code, t.error
from parameters as p
cross join lateral watchpost.timeline(p.image_id) as t;
