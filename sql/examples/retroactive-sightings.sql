-- Where had somebody been before they were enrolled or listed? These were found afterwards, and are sent to endpoints
-- only if their list says so.
select s.person, s.seen_at, s.location, s.watchlist, round(s.similarity::numeric, 3) as similarity, m.created_at as found_at, s.image_id
from watchpost.sighting as s
join watchpost.match as m on m.id = s.match_id
where s.retroactive
order by s.seen_at desc
limit 100;
