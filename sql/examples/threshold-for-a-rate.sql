-- Which threshold keeps to three strangers in a thousand? The least one, by the latest calibration with enough
-- strangers to tell. threshold_for() gives the number alone, and an error where nothing can be told.

select
  round(m.threshold::numeric, 3) as threshold,
  m.false_positives,
  m.strangers,
  round(watchpost.rate_at_most(m.false_positives, m.strangers)::numeric, 4) as fpir_at_most,
  round(m.hit_rate::numeric, 3) as hit_rate
from watchpost.measured_threshold(0.003) as m;
