-- Who is this face most like, also below the thresholds, and on which list? Asking is on record: watchpost.access.
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
select s.person, s.watchlist, round(s.similarity::numeric, 3) as similarity, s.threshold, s.reached, f.face_id
from seen as f
cross join lateral watchpost.search_face(f.face_id, reason => :'reason') as s;
