-- Where else was this face seen in the last week, known or not? Reads every face of that time; asking is on record:
-- watchpost.access.
-- Here the best view in the latest photo of a camera.
-- Variables: camera, reason.
with seen as (
  select f.id as face_id
  from watchpost.face as f
  join watchpost.image as i on i.id = f.image_id
  where i.camera_id = watchpost.find_camera(:'camera') and f.usable and f.superseded_at is null
  order by i.captured_at desc, f.height_px desc
  limit 1
)
select s.seen_at, s.camera, s.location, round(s.similarity::numeric, 3) as similarity, s.person, s.stranger_id, s.image_id
from seen as f
cross join lateral watchpost.similar_faces(f.face_id, since => now() - interval '7 days', reason => :'reason') as s
order by s.seen_at desc;
