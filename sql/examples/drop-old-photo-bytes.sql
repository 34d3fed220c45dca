-- How are the photos older than 30 days dropped, and everything that was found in them kept? Photos that are still
-- being processed stay. The oldest 10,000 at a time, so that no transaction is long: run it until it drops none.
with parameters as (
  select interval '30 days' as age, 10000 as most
),
open as materialized (
  select o.image_id from watchpost.find_open_images(watchpost.uuidv7_at(now())) as o (image_id)
),
old as materialized (
  select i.id
  from watchpost.image as i
  where i.bytes is not null
    and i.received_at < now() - (select p.age from parameters as p)
    and not exists (select from open as o where o.image_id = i.id)
  order by i.id
  limit (select p.most from parameters as p)
),
dropped as (
  update watchpost.image as i
  set bytes = null
  from old as o
  where i.id = o.id
  returning i.byte_length
)
select count(*) as photos, coalesce(sum(d.byte_length), 0) as bytes
from dropped as d;
