-- Which lists are searched now, how many people are on each, and until when?
select
  w.name,
  w.severity,
  w.threshold,
  w.threshold_name,
  w.target_fpir,
  w.reviewers,
  w.valid_until,
  w.version,
  (select count(*) from watchpost.watchlist_entry as e where e.watchlist_id = w.id) as people
from watchpost.active_watchlist as w
order by array_position(array['critical', 'warning', 'info'], w.severity), w.name;
