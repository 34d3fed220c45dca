-- How is a review taken back? Here the last one by the database user: the alert is what it was before, with the sightings
-- that a dismissal as not_them had withdrawn. Both stay on record.
with mine as materialized (
  select r.id, r.alert_id
  from watchpost.alert_review as r
  where r.reviewer = session_user
    and r.decision <> 'undone'
    and not exists (select from watchpost.alert_review as u where u.undoes = r.id)
  order by r.id desc
  limit 1
)
select m.alert_id, t.state, t.withdrawn_at
from mine as m
cross join lateral watchpost.undo(m.alert_id, 'the wrong button', review => m.id) as t;
