-- When and where was this person seen lately, and with what similarity?
-- Variables: person.
with parameters as (
  select :'person' as person, interval '7 days' as period
)
select s.seen_at, s.camera, s.location, s.watchlist, round(s.similarity::numeric, 3) as similarity, s.image_id
from watchpost.sighting as s
cross join parameters as p
where s.person = p.person and s.seen_at > now() - p.period
order by s.seen_at desc;
