-- How does a face that a camera has seen become a photo of a person? Nothing is detected again; photo_status shows
-- whether it passed the gate. Here: the best view in the latest photo of a camera, for a new person on a list.
-- Variables: camera, person, list.
with seen as (
  select f.id as face_id
  from watchpost.face as f
  join watchpost.image as i on i.id = f.image_id
  where i.camera_id = watchpost.find_camera(:'camera') and f.usable and f.superseded_at is null
  order by i.captured_at desc, f.height_px desc
  limit 1
),
person as (
  insert into watchpost.person (name, metadata)
  values (:'person', '{"since": "today"}')
  returning id
),
listed as (
  insert into watchpost.watchlist_entry (watchlist_id, person_id)
  select w.id, p.id
  from watchpost.watchlist as w
  cross join person as p
  where w.name = :'list'
)
insert into watchpost.person_photo (person_id, image_id, chosen_face)
select p.id, f.image_id, f.ordinal
from seen as s
join watchpost.face as f on f.id = s.face_id
cross join person as p
returning id as person_photo_id, person_id, image_id, chosen_face;

-- For an existing person: select watchpost.enrol_face(person, face);
