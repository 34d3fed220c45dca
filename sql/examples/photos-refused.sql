-- Which photos of people were refused, and why? accept_photo(person_photo_id, '{face_unlike}') lets one pass;
-- correct_photo(person_photo_id, 2::smallint) chooses another face of it.
select
  s.person,
  s.code,
  s.message,
  s.height_px,
  s.sharpness,
  s.yaw,
  s.norm,
  s.person_photo_id,
  s.image_id
from watchpost.photo_status as s
where s.state = 'refused'
order by s.created_at desc;
