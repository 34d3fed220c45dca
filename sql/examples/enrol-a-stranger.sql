-- How does a stranger become a person on a watchlist? Their best views become photos of the person. Here the
-- one who has come most often.
insert into watchpost.watchlist (name, purpose)
values ('regulars', 'People who keep coming')
on conflict do nothing;

select
  r.stranger_id,
  r.visits,
  watchpost.enrol_stranger(r.stranger_id, 'Regular visitor', null, '{regulars}') as person_id
from watchpost.recurring_stranger as r
order by r.visits desc, r.last_seen desc
limit 1;
