-- To which endpoints was an alert sent, attempt by attempt? Here the latest one. No rows: to none.
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
