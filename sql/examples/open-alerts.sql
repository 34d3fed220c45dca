-- Which alerts wait to be looked at, the most urgent first? awaiting tells whom one waits for that the first of two
-- reviewers has confirmed.
select d.severity, d.person, d.watchlist, d.location, d.last_seen, d.sightings, d.state, d.awaiting, d.id as alert_id
from watchpost.alert_detail as d
where d.state in ('open', 'acknowledged')
  and d.withdrawn_at is null
order by watchpost.severity_rank(d.severity) desc, d.last_seen desc;
