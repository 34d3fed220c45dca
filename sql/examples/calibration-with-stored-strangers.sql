-- Measure with the strangers of your own cameras: usable faces of the last 30 days that matched nobody, or whose alerts
-- were dismissed. It takes as long as to measure the references, a minute for 20,000 people. Review the open alerts first, because a stranger whose alert was not dismissed is left out.

select c.id, c.source, c.people, c.strangers
from watchpost.calibrate(strangers_since => now() - interval '30 days') as c;
