-- Who may have been enrolled twice? Each photo that looks like somebody else who is enrolled, refused for that or not.
select s.person, s.person_id, o.name as looks_like, s.looks_like as looks_like_id, s.state, s.person_photo_id, s.created_at
from watchpost.photo_status as s
join watchpost.person as o on o.id = s.looks_like
order by s.created_at desc;
