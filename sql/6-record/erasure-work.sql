-- Removing the work that waits about people or photos that are erased.

-- Only what our own workers would do. Events of consumers that somebody has added have ids and no content, and may be what
-- makes them delete a copy of theirs.
create or replace function watchpost.drop_work(people uuid[], images uuid[]) returns void
language plpgsql
as $$
declare
  ids constant text[] := (people || images)::text[];
  removed jsonb[];
  job record;
begin
  with gone as (
    delete from watchpost.outbox as o
    where (o.payload ->> 'person_id' = any (ids) or o.payload ->> 'image_id' = any (ids))
      and exists (
        select from watchpost.subscription as s where s.task = o.task and s.topic = o.topic and s.delivery = 'claim'
      )
    returning o.*
  ),
  ended as (
    insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
    select g.event_id, g.task, 'gone', 0, clock_timestamp(), 0, 'row_missing', 'What it is about was erased before it was handled.'
    from gone as g
    on conflict (event_id, task) where outcome in ('done', 'gone') do nothing
  )
  select array_agg(to_jsonb(g)) into removed from gone as g;
  perform watchpost.note_removed('outbox', removed);

  for job in
    select
      j.id, j.task, j.attempts,
      array_agg(i.item::jsonb) filter (where h.hit) as erased,
      json_agg(i.item) filter (where not h.hit) as left_over
    from watchpost.list_jobs() as j
    cross join lateral json_array_elements(case json_typeof(j.payload) when 'array' then j.payload else '[]' end) as i (item)
    cross join lateral (
      select coalesce(
        i.item ->> 'person_id' = any (ids)
          or i.item ->> 'image_id' = any (ids)
          or exists (
            select from watchpost.alert as a where a.id::text = i.item ->> 'alert_id' and a.person_id = any (people)
          ),
        false
      ) as hit
    ) as h
    where j.locked_at is null and j.task in (select s.task from watchpost.subscription as s where s.delivery = 'claim' or s.task = 'deliver')
    group by j.id, j.task, j.attempts
    having bool_or(h.hit)
  loop
    -- Nothing if a worker has taken it meanwhile: it will find that what it is about is gone.
    continue when not exists (select from graphile_worker.complete_jobs(array[job.id]));
    if job.left_over is not null then
      perform watchpost.retry_later(job.task, job.left_over, job.attempts);
    end if;
    insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
    select (i ->> 'event_id')::uuid, job.task, 'gone', 0, clock_timestamp(), 0, 'row_missing', 'What it is about was erased before it was handled.'
    from unnest(job.erased) as i
    on conflict (event_id, task) where outcome in ('done', 'gone') do nothing;
    perform watchpost.note_removed('job', job.erased);
  end loop;
end;
$$;

comment on function watchpost.drop_work is 'Part of begin_erasure and erase_some: deletes what waits in the outbox and in jobs about some people or photos. Each event ends as gone.';
