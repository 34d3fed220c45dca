-- Which faces of the last week were similar enough to somebody but did not match, because another face of the photo is
-- more similar?
select
  s.created_at,
  p.name as person,
  s.face_id,
  round(s.similarity::numeric, 3) as similarity,
  m.face_id as better_face_id,
  round(m.similarity::numeric, 3) as better_similarity,
  f.image_id
from watchpost.search as s
join watchpost.face as f on f.id = s.face_id
join watchpost.person as p on p.id = s.person_id
left join lateral (
  select m.face_id, m.similarity
  from watchpost.match as m
  where m.image_id = f.image_id and m.person_id = s.person_id and m.superseded_at is null
  limit 1
) as m on true
where s.id >= watchpost.uuidv7_at(now() - interval '7 days') and s.outcome = 'outranked' and s.superseded_at is null
order by s.id desc
limit 100;
