-- Photos by their state, for a list of them. The states that are rare begin at what makes them, so that a list of those does
-- not ask for the state of every photo.

-- With its owner's rights, because claims and jobs are of all sites.
create or replace function watchpost.images_not_done(failed boolean) returns setof uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  sees_all constant boolean := watchpost.sees_all();
  scope constant watchpost.scope := case when not sees_all then watchpost.my_scope() end;
begin
  return query
  with waiting as (
    select o.event_id from watchpost.outbox as o
    union all
    select unnest(c.events) from watchpost.claim as c
    union all
    select j.event_id from watchpost.list_job_items() as j
  ),
  begun as (
    select h.event_id from watchpost.handling as h where images_not_done.failed and h.outcome in ('failed', 'refused')
    union all
    select w.event_id from waiting as w where not images_not_done.failed
  )
  select distinct e.image_id
  from begun as b
  join watchpost.event as e on e.id = b.event_id
  where e.image_id is not null and (sees_all or watchpost.shows_image(scope, e.image_id));
end;
$$;

comment on function watchpost.images_not_done is 'Ids of all photos that may be in the state failed of image_status, or those that may be received or processing. Some that are done are among them.';
