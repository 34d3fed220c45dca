-- How many photos wait.

create or replace function watchpost.count_backlog() returns table (submitted_by text, images integer, oldest timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  sees_all constant boolean := watchpost.sees_all();
  scope constant watchpost.scope := case when not sees_all then watchpost.my_scope() end;
begin
  return query
  with waiting as (
    select (o.payload ->> 'image_id')::uuid as image_id
    from watchpost.outbox as o
    where o.task = 'detect'
    union all
    select e.image_id
    from watchpost.claim as c
    cross join unnest(c.events) as a (id)
    join watchpost.event as e on e.id = a.id
    where c.task = 'detect'
    union all
    select (j.item ->> 'image_id')::uuid
    from watchpost.list_job_items() as j
    where j.task = 'detect'
  )
  select i.submitted_by, count(*)::integer, min(i.received_at)
  from waiting as w
  join watchpost.image as i on i.id = w.image_id
  where sees_all or watchpost.shows_image(scope, i.id)
  group by i.submitted_by;
end;
$$;

comment on function watchpost.count_backlog() is 'Photos that wait to be looked at, by submitter.';

create or replace view watchpost.backlog with (security_invoker = true) as
select b.submitted_by, b.images, b.oldest from watchpost.count_backlog() as b;

comment on view watchpost.backlog is 'Photos that wait to be looked at, by submitter. The API refuses more beyond a limit; an INSERT is never refused.';
