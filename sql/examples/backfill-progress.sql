-- How far are the searches of past faces, for whom, and what did they find?
select
  p.name as person,
  b.reason,
  case when b.finished_at is null then 'going on' else 'finished' end as state,
  b.searched,
  b.found,
  -- Embeddings older than the cursor.
  case when b.finished_at is null then (
    select count(*)
    from watchpost.embedding as e
    where e.model_id = b.model_id and e.superseded_at is null and (b.cursor is null or e.id < b.cursor)
  ) else 0 end as left_to_search,
  b.started_at,
  b.finished_at
from watchpost.backfill as b
join watchpost.person as p on p.id = b.person_id
order by b.started_at desc;
