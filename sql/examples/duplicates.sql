-- Who may have been enrolled twice? Photos that look like somebody else who is enrolled: those that were enrolled all the
-- same, and of the last 100 that were not enrolled those that were refused for it.
with enrolled as (
  select r.person_photo_id as id
  from watchpost.reference as r
  where r.looks_like is not null and r.superseded_at is null
),
without_reference as materialized (
  select p.id
  from watchpost.person_photo as p
  where p.removed_at is null
    and not exists (
      select from watchpost.reference as r where r.person_photo_id = p.id and r.superseded_at is null
    )
  order by p.id desc
  limit 100
)
select s.person, s.person_id, o.name as looks_like, s.looks_like as looks_like_id, s.state, s.person_photo_id, s.created_at
from (select id from enrolled union select id from without_reference) as p
join watchpost.photo_status as s on s.person_photo_id = p.id
join watchpost.person as o on o.id = s.looks_like
order by s.created_at desc;
