-- Who was told of an alert, attempt by attempt? Here of the latest one. No rows: no endpoint is told of it.
select
  e.name as endpoint,
  n.state,
  d.attempt,
  d.started_at,
  d.duration_ms,
  d.outcome,
  d.status,
  d.error
from watchpost.notification as n
join watchpost.endpoint as e on e.id = n.endpoint_id
left join watchpost.delivery_log as d on d.notification_id = n.id
where n.alert_id = (select a.id from watchpost.alert as a order by a.id desc limit 1)
order by e.name, d.attempt;
