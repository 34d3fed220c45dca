-- Which alerts were raised since midnight, latest first?
select
  a.severity,
  p.name as person,
  w.name as watchlist,
  k.location,
  a.first_seen,
  a.last_seen,
  a.sightings,
  round(a.similarity::numeric, 3) as similarity,
  a.state
from watchpost.alert as a
join watchpost.person as p on p.id = a.person_id
join watchpost.watchlist as w on w.id = a.watchlist_id
left join watchpost.camera_place as k on k.camera_id = a.camera_id and k.during @> a.last_seen
where a.created_at >= date_trunc('day', now())
  -- By the key too, which has an index.
  and a.id >= watchpost.uuidv7_at(date_trunc('day', now()))
order by a.id desc;
