-- How is a person forgotten, with their photos, references, sightings and alerts? Photos from cameras stay, with their
-- faces.
-- Variables: external_ref.
with parameters as (
  select :'external_ref' as external_ref
),
photos as (
  delete from watchpost.image as i
  using watchpost.person_photo as f, watchpost.person as p, parameters as q
  where i.id = f.image_id and f.person_id = p.id and p.external_ref = q.external_ref
  returning i.id
)
delete from watchpost.person as p
using parameters as q
where p.external_ref = q.external_ref
returning p.id as person_id, p.name, (select count(*) from photos) as photos;
