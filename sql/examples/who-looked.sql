-- Who looked at somebody, read their photos or found them by a photo, and why? Also those who were merged into them.
-- Variables: person.
select a.at, a.actor, a.action, a.subject_kind, a.subject_id, a.reason, a.times
from watchpost.person as p
join watchpost.access as a on a.person_ids && watchpost.ids_of_person(p.id)
where p.name = :'person'
order by a.id desc
limit 100;
