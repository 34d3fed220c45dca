-- Which threshold has at most three false positives in a thousand strangers? The lowest one, by the latest calibration
-- with enough strangers. threshold_for() gives the number alone, and an error if no calibration can answer.

select
  round(m.threshold::numeric, 3) as threshold,
  m.false_positives,
  m.strangers,
  round(watchpost.rate_at_most(m.false_positives, m.strangers)::numeric, 4) as fpir_at_most,
  round(m.hit_rate::numeric, 3) as hit_rate
from watchpost.measured_threshold(0.003) as m;
