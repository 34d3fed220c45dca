-- Which endpoints fail now: why, since when, and how many messages wait for them?
select
  e.name as endpoint,
  latest.error,
  latest.status,
  latest.started_at as latest_attempt,
  (
    select good.started_at
    from watchpost.delivery_log as good
    where good.endpoint_id = e.id and good.outcome = 'delivered'
    order by good.id desc
    limit 1
  ) as latest_success,
  (select count(*) from watchpost.notification as n where n.endpoint_id = e.id and n.state = 'due') as due,
  e.enabled
from watchpost.endpoint as e
cross join lateral (
  select d.*
  from watchpost.delivery_log as d
  where d.endpoint_id = e.id and d.outcome <> 'unfinished'
  order by d.id desc
  limit 1
) as latest
where e.removed_at is null
  and latest.outcome = 'failed'
order by latest_success nulls first, e.name;
