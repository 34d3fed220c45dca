-- Measure with the strangers of your own cameras: usable faces of the last 30 days that named nobody, or whose alerts
-- were dismissed. Judge the open alerts before, because a stranger who was matched and is not dismissed is left out.

select c.id, c.source, c.people, c.strangers
from watchpost.calibrate(strangers_since => now() - interval '30 days') as c;
