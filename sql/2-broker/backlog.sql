-- How many photos wait.

-- A function below the view, because a view over graphile-worker's own tables would stand in the way of its migrations.
create or replace function watchpost.count_backlog() returns table (submitted_by text, images integer, oldest timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  with waiting as (
    select o.image_id
    from watchpost.outbox as o
    where o.task = 'detect'
    union all
    select (item ->> 'image_id')::uuid
    from graphile_worker._private_jobs as j
    join graphile_worker._private_tasks as t on t.id = j.task_id and t.identifier = 'detect'
    cross join json_array_elements(j.payload) as item
    where json_typeof(j.payload) = 'array'
  )
  select i.submitted_by, count(*)::integer, min(i.received_at)
  from waiting as w
  join watchpost.image as i on i.id = w.image_id
  group by i.submitted_by;
end;
$$;

comment on function watchpost.count_backlog() is 'Photos that wait to be looked at, by submitter.';

create or replace view watchpost.backlog as
select b.submitted_by, b.images, b.oldest from watchpost.count_backlog() as b;

comment on view watchpost.backlog is 'Photos that wait to be looked at, by submitter. The API refuses more beyond a limit; an INSERT is never refused.';
