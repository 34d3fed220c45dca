-- Where and when was this stranger seen, and which faces are it? GET /v1/faces/ID/crop shows one. Here the one
-- who has come most often.
with parameters as (
  select r.stranger_id
  from watchpost.recurring_stranger as r
  order by r.visits desc, r.last_seen desc
  limit 1
)
select s.stranger_id, s.visit, s.seen_at, s.camera, s.location, s.face_id, s.image_id
from watchpost.stranger_sighting as s
join parameters as p on p.stranger_id = s.stranger_id
order by s.seen_at desc;
