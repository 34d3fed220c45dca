-- Which alerts wait for a review, the most urgent first? awaiting says whose confirmation is missing when one of two
-- reviewers has confirmed.
select d.severity, d.person, d.watchlist, d.location, d.last_seen, d.sightings, d.state, d.awaiting, d.id as alert_id
from watchpost.alert_detail as d
where d.state in ('open', 'acknowledged')
  and d.withdrawn_at is null
order by watchpost.severity_rank(d.severity) desc, d.last_seen desc;
