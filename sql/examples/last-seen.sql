-- Where was everybody last seen?
select l.person, l.seen_at, l.camera, l.location, round(l.similarity::numeric, 3) as similarity
from watchpost.last_seen as l
order by l.seen_at desc;
