-- How many false positives and hits does each threshold have? The curve of the latest measurement, in steps of 0.05;
-- select watchpost.calibrate() makes one, for which 2,000 photos are compared with everybody: half a minute for 20,000
-- people. fpir_at_most is the upper bound (95%) of the false-positive rate: it is high if there were few strangers.

select
  p.threshold,
  round(p.fpir::numeric, 4) as fpir,
  round(watchpost.rate_at_most(p.false_positives, c.strangers)::numeric, 4) as fpir_at_most,
  round(p.hit_rate::numeric, 3) as hit_rate,
  p.wrong_names
from (select * from watchpost.calibration order by id desc limit 1) as c
join watchpost.calibration_point as p on p.calibration_id = c.id
where round(p.threshold::numeric * 1000) % 50 = 0
order by p.threshold;
