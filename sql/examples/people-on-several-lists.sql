-- Who is on several lists, and by how many photos is each of them known?
select
  p.id as person_id,
  p.name,
  p.external_ref,
  array_agg(w.name order by w.name) as watchlists,
  (select count(*) from watchpost.reference as r where r.person_id = p.id and r.superseded_at is null) as photos
from watchpost.person as p
join watchpost.watchlist_entry as e on e.person_id = p.id
join watchpost.watchlist as w on w.id = e.watchlist_id
group by p.id
having count(*) > 1
order by p.name;
