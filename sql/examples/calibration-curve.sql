-- What does a threshold let through, and what does it find? Measures on what is enrolled, then shows the curve by
-- twentieths. fpir_at_most is what the share of strangers may really be (95%): a few strangers prove little.

select c.model_id, c.people, c.photos, c.probes, c.strangers, c.sampled
from watchpost.calibrate() as c;

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
