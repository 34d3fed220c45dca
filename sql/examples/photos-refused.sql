-- Which photos of people were refused last, and why? accept_photo(person_photo_id, '{face_unlike}') lets one pass;
-- correct_photo(person_photo_id, 2::smallint) chooses another face of it.
with without_reference as materialized (
  select p.id
  from watchpost.person_photo as p
  where p.removed_at is null
    and not exists (
      select from watchpost.reference as r where r.person_photo_id = p.id and r.superseded_at is null
    )
  order by p.id desc
  limit 100
)
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
from without_reference as p
join watchpost.photo_status as s on s.person_photo_id = p.id
where s.state = 'refused'
order by s.created_at desc;
