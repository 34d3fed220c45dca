-- Where did somebody go in the last day? One row for each stay before a camera.
-- Variables: person.
with parameters as (
  select :'person' as person, interval '1 day' as period
)
select t.arrived_at, t.left_at, t.location, t.zone, t.camera, t.sightings, round(t.similarity::numeric, 3) as similarity
from parameters as q
join watchpost.person as p on p.name = q.person
cross join lateral watchpost.path(p.id, since => now() - q.period) as t
order by t.arrived_at;
