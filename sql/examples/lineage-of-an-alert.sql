-- What was the latest alert made of? Each of its matches, from the photo that was submitted to the decision.

select l.*
from (select a.id from watchpost.alert as a order by a.id desc limit 1) as latest
cross join lateral watchpost.lineage(latest.id) as l;
