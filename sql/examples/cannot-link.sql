-- How is it said that a face is not who it was taken for? The latest sighting of somebody was another person: its match
-- and, if nothing else is behind it, its alert are withdrawn at once, and neither that face nor its like is taken for
-- them again, through every replay. Deleting the row takes it back.
with parameters as (
  select 'Ada' as person, 'a stranger who looks like her' as reason
),
latest as (
  select s.person_id, s.face_id, s.alert_id
  from watchpost.sighting as s
  join parameters as p on p.person = s.person
  order by s.seen_at desc
  limit 1
)
insert into watchpost.cannot_link (person_id, face_id, alert_id, reason)
select l.person_id, l.face_id, l.alert_id, p.reason
from latest as l
cross join parameters as p
on conflict do nothing
returning id, person_id, face_id, created_by;
