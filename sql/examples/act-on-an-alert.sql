-- How is an alert acted on? Here the latest open one is acknowledged and then confirmed, in the name of the database
-- user. Also: dismiss(alert, reason, note), with the reason not_them, false_alarm, resolved or other, reopen(alert, note),
-- and undo(alert). Where the list asks for two reviewers, a second person has to confirm it too.
with latest as materialized (
  select a.id from watchpost.alert as a where a.state = 'open' and a.withdrawn_at is null order by a.id desc limit 1
)
select l.id as alert_id, t.state, t.acknowledged_by
from latest as l
cross join lateral watchpost.acknowledge(l.id) as t;

with latest as materialized (
  select a.id
  from watchpost.alert as a
  where a.state = 'acknowledged' and a.acknowledged_by = session_user
  order by a.acknowledged_at desc
  limit 1
)
select l.id as alert_id, c.state, c.confirmed_by, c.confirmed_at
from latest as l
cross join lateral watchpost.confirm(l.id, 'known by the scar') as c;
