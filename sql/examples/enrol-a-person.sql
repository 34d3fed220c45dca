-- How is a person enrolled and put on a watchlist? The photo goes through the same stages as every other; image_status
-- shows how it ended. Put the photo of a face in place of the grey pixel, as in submit-an-image.sql.
-- Variables: person, external_ref, list.
begin;

insert into watchpost.watchlist (name, purpose, severity)
values (:'list', 'People the guards should look out for', 'critical')
on conflict do nothing;

insert into watchpost.person (name, external_ref, legal_basis, keep_until)
values (:'person', :'external_ref', 'legitimate_interest', now() + interval '1 year')
on conflict do nothing;

insert into watchpost.watchlist_entry (watchlist_id, person_id)
select w.id, p.id
from watchpost.watchlist as w
cross join watchpost.person as p
where w.name = :'list' and p.external_ref = :'external_ref'
on conflict do nothing;

select a.person_photo_id, a.image_id
from watchpost.person as p
cross join lateral watchpost.add_person_photo(
  p.id,
  decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAACXBIWXMAAAPoAAAD6AG1e1JrAAAADElEQVQI12Po6OgAAAM0AZkQj9/uAAAAAElFTkSuQmCC', 'base64')
) as a
where p.external_ref = :'external_ref';

commit;
