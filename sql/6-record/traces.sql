-- Which trace an event belongs to, for OpenTelemetry: that of its photo, whatever process handles it and however often it was
-- tried.

-- A photo without a traceparent has a trace that is named by its id, so that its events are in one trace too.
create or replace function watchpost.traces_of(events uuid[]) returns table (event_id uuid, traceparent text)
language plpgsql stable set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  select
    e.id,
    coalesce(
      (select i.traceparent from watchpost.image as i where i.id = p.image_id),
      '00-' || replace(p.image_id::text, '-', '') || '-' || right(p.image_id::text, 12) || '0001-01'
    )
  from unnest(events) as a (id)
  join watchpost.event as e on e.id = a.id
  -- What is sent of an alert belongs to the photo that raised it.
  cross join lateral (
    select coalesce(
      e.image_id,
      (
        select r.image_id
        from watchpost.event as r
        where r.subject_id = (e.payload ->> 'alert_id')::uuid and r.topic = 'alert.raised'
        order by r.id
        limit 1
      )
    ) as image_id
  ) as p
  where p.image_id is not null;
end;
$$;

comment on function watchpost.traces_of(uuid[]) is 'The traceparent of each of these events that is about a photo, or about an alert that a photo raised.';
