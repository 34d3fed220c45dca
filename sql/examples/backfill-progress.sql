-- How far are the latest searches of past faces, for whom, and what did they find?
select
  p.name as person,
  b.reason,
  case when b.finished_at is null then 'going on' else 'finished' end as state,
  b.searched,
  b.found,
  -- About, by how many embeddings there are as of the latest autovacuum: counting those before the cursor takes a second
  -- for each row where there are millions.
  case when b.finished_at is null then (
    select greatest(0, c.reltuples::bigint - b.searched) from pg_class as c where c.oid = 'watchpost.embedding'::regclass
  ) else 0 end as left_to_search,
  b.started_at,
  b.finished_at
from watchpost.backfill as b
join watchpost.person as p on p.id = b.person_id
order by b.id desc
limit 100;
