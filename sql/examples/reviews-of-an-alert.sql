-- Who decided what about an alert, and how long after it was raised? Here the one that was reviewed last.
select
  r.created_at,
  r.decision,
  r.dismissal,
  r.reviewer,
  r.note,
  date_trunc('second', r.created_at - a.created_at) as after
from watchpost.alert_review as r
join watchpost.alert as a on a.id = r.alert_id
where r.alert_id = (select latest.alert_id from watchpost.alert_review as latest order by latest.id desc limit 1)
order by r.id;
