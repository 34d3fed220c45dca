-- Which faces of the last week came close to a person on a watchlist and stayed just under its threshold?
with parameters as (
  select 0.1 as margin, interval '7 days' as period
)
select
  s.created_at,
  p.name as person,
  w.name as watchlist,
  round(s.similarity::numeric, 3) as similarity,
  round(w.threshold::numeric, 3) as threshold,
  f.image_id,
  s.face_id
from watchpost.search as s
cross join parameters as q
join watchpost.face as f on f.id = s.face_id
join watchpost.person as p on p.id = s.person_id
join watchpost.watchlist_entry as e on e.person_id = s.person_id
join watchpost.watchlist as w on w.id = e.watchlist_id and w.id = any (s.watchlists)
where s.id >= watchpost.uuidv7_at(now() - q.period)
  and s.outcome = 'below_threshold'
  and s.superseded_at is null
  and s.similarity >= w.threshold - q.margin
order by w.threshold - s.similarity
limit 100;
