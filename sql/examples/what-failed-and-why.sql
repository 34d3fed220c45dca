-- What failed for good or was refused in the last week, how often, and with which error the last time? refused is an
-- answer about the photo; what failed is a dead letter.
select
  h.task,
  h.outcome,
  h.code,
  count(*) as failures,
  max(h.created_at) as latest,
  (array_agg(h.error order by h.id desc))[1] as latest_error,
  (array_agg(e.image_id order by h.id desc))[1] as latest_image_id
from watchpost.handling as h
join watchpost.event as e on e.id = h.event_id
where h.outcome in ('failed', 'refused') and h.id >= watchpost.uuidv7_at(now() - interval '7 days')
group by h.task, h.outcome, h.code
order by failures desc, latest desc;
