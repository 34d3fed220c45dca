-- A list that names the share of strangers it tolerates. It takes the threshold from the latest calibration, and from
-- each one that follows.

update watchpost.watchlist as w
set target_fpir = 0.003, threshold = watchpost.threshold_for(0.003)
where w.name = 'missing';

-- Which lists follow a rate, and where that has brought them.
select w.name, round(w.target_fpir::numeric, 4) as target_fpir, round(w.threshold::numeric, 3) as threshold
from watchpost.watchlist as w
where w.target_fpir is not null
order by w.name;
