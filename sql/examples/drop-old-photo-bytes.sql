-- How are the photos older than 30 days dropped, and everything that was found in them kept? Photos that are still
-- being processed stay.
with parameters as (
  select interval '30 days' as age
),
old as (
  select i.id
  from watchpost.image as i
  join watchpost.image_status as s on s.image_id = i.id and s.state in ('done', 'failed')
  cross join parameters as p
  where i.received_at < now() - p.age
),
dropped as (
  delete from watchpost.image_bytes as b
  using old as o
  where b.image_id = o.id
  returning octet_length(b.bytes) as freed
)
select count(*) as photos, coalesce(sum(d.freed), 0) as bytes
from dropped as d;
