-- Who has changed a list, when, and what, the latest changes first? The same goes for a person: topic person.changed,
-- subject_id the person's id.
-- Variables: list.
select
  e.created_at,
  e.payload ->> 'by' as by,
  e.payload ->> 'version' as version,
  case e.topic
    when 'watchlist.person_added' then 'added ' || coalesce(p.name, e.payload ->> 'person_id')
    when 'watchlist.person_removed' then 'removed ' || coalesce(p.name, e.payload ->> 'person_id')
    else e.payload ->> 'change'
  end as change,
  e.payload -> 'old' as old,
  e.payload -> 'new' as new
from watchpost.watchlist as w
join watchpost.event as e on e.subject_id = w.id and e.topic like 'watchlist.%'
left join watchpost.person as p on p.id = (e.payload ->> 'person_id')::uuid
where w.name = :'list'
order by e.id desc
limit 100;
