-- How is a photo of a person removed, with the matches it found? All rows are kept, marked and on record; alerts that
-- have no other match are withdrawn. Here: the latest photo of a person.
-- Variables: person, reason.
with latest as (
  select s.person_photo_id, s.person, s.reference_id
  from watchpost.photo_status as s
  where s.person = :'person' and s.state = 'enrolled'
  order by s.person_photo_id desc
  limit 1
)
select
  l.person,
  l.person_photo_id,
  (
    select count(*)
    from watchpost.match as m
    where m.reference_id = l.reference_id and m.superseded_at is null
  ) as matches_withdrawn,
  watchpost.remove_photo(l.person_photo_id, :'reason') as removed
from latest as l;
