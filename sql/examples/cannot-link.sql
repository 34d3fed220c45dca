-- How do I say that a face was matched with the wrong person? Here the latest sighting of somebody: its match and, if
-- it has no other, its alert are withdrawn at once, and neither that face nor a face more similar to it than to the
-- person matches them again, through every replay. Deleting the row restores them.
-- Variables: person, reason.
with parameters as (
  select :'person' as person, :'reason' as reason
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
