-- Where claims begin.
--
-- A row that was claimed stays in the index as a dead one until vacuum removes it, and vacuum may not as long as any
-- transaction holds an older snapshot: a report, a pg_dump, a replication slot. With 137,000 dead rows at the front of a
-- queue its oldest row was found in 27 ms, and in 0.5 ms from a lower bound.
--
-- A worker keeps bounds, and passes them to claim(): for each queue an object with a key for each source from which it
-- has claimed much, and the empty one for rows without a source:
--
--   {"detect image.received": {"": "0193...", "gate": "0193..."}, ...}
--
-- The value is a key of the outbox before which nothing of that source waits. It moves with the oldest waiting row, but
-- not beyond two seconds ago: a transaction that has inserted an older row may be still to commit. What is committed later
-- than that is found when the bounds are computed anew over all rows, every few seconds.
create or replace function watchpost.outbox_bounds(from_bounds jsonb default '{}', anew boolean default false) returns jsonb
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  recent constant uuid := watchpost.uuidv7_at(clock_timestamp() - interval '2 seconds');
  queue record;
  known record;
  oldest uuid;
  of_queue jsonb;
  bounds jsonb := '{}';
begin
  for queue in
    select c.* from watchpost.claimable(array(select distinct s.task from watchpost.subscription as s), from_bounds) as c
  loop
    of_queue := '{}';
    for known in
      select k.source, case when not anew then k.bound::uuid end as bound
      from jsonb_each_text('{"": null}' || queue.from_keys) as k (source, bound)
    loop
      select o.event_id into oldest
      from watchpost.outbox as o
      where o.task = queue.task and o.topic = queue.topic and o.source = known.source
        and o.event_id >= coalesce(known.bound, '00000000-0000-0000-0000-000000000000')
      order by o.event_id
      limit 1;
      of_queue := of_queue || jsonb_build_object(known.source, least(oldest, recent));
    end loop;
    bounds := bounds || jsonb_build_object(queue.task || ' ' || queue.topic, of_queue);
  end loop;
  return bounds;
end;
$$;

comment on function watchpost.outbox_bounds is 'Moves the bounds of claims, or computes them anew. A source whose bound is null gets one.';
