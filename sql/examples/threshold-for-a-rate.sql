-- Which threshold has at most this rate of false positives? The lowest one, by the latest calibration with enough
-- strangers. threshold_for() gives the number alone, and an error if no calibration can answer.
-- Variables: rate (0.003: three in a thousand strangers).

select
  round(m.threshold::numeric, 3) as threshold,
  m.false_positives,
  m.strangers,
  round(watchpost.rate_at_most(m.false_positives, m.strangers)::numeric, 4) as fpir_at_most,
  round(m.hit_rate::numeric, 3) as hit_rate
from watchpost.measured_threshold(:'rate') as m;
