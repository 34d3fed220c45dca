-- Which faces of the last week were similar to a person on a watchlist and raised no alert, because the view was too
-- poor, and why?
select
  s.created_at,
  p.name as person,
  round(s.similarity::numeric, 3) as similarity,
  s.gate as reasons,
  round(f.height_px) as height_px,
  round(f.sharpness) as sharpness,
  round(f.yaw) as yaw,
  f.image_id,
  s.face_id
from watchpost.search as s
join watchpost.face as f on f.id = s.face_id
join watchpost.person as p on p.id = s.person_id
where s.id >= watchpost.uuidv7_at(now() - interval '7 days') and s.outcome = 'gated' and s.superseded_at is null
order by s.similarity desc
limit 100;
