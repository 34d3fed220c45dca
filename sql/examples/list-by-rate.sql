-- A list with a tolerated false-positive rate. It takes its threshold from the latest calibration, and from each later
-- one; without a calibration that can answer nothing is changed.
-- Variables: list, rate (0.003: three in a thousand strangers).

update watchpost.watchlist as w
set target_fpir = :'rate', threshold = m.threshold
from watchpost.measured_threshold(:'rate') as m
where w.name = :'list';

-- Which lists have such a rate, and which threshold that gave them.
select w.name, round(w.target_fpir::numeric, 4) as target_fpir, round(w.threshold::numeric, 3) as threshold
from watchpost.watchlist as w
where w.target_fpir is not null
order by w.name;
