-- Heads: the latest seal, sent to endpoints outside the reach of whoever owns this database.
--
-- consumes head.due · writes delivery · emits nothing

create or replace function watchpost.announce_head() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  head record;
  announced integer;
begin
  select h.* into head from watchpost.audit_head as h;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'head.due', e.id,
    jsonb_build_object(
      'endpoint_id', e.id, 'number', head.number, 'digest', head.digest, 'sealed_at', watchpost.utc(head.sealed_at)
    ),
    watchpost.subscribers('head.due')
  from watchpost.endpoint as e
  where e.sends = 'heads' and e.enabled and head.number is not null;
  get diagnostics announced = row_count;
  return announced;
end;
$$;

comment on function watchpost.announce_head() is 'One head.due with the latest seal for each enabled endpoint that heads are sent to; returns how many. Done by the upkeep task heads.';


create or replace function watchpost.disable_gone_endpoints(passed uuid[], events uuid[], endpoints uuid[], gone boolean[]) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
begin
  perform watchpost.disable_endpoint(e.id, 'It answered 410 Gone.')
  from unnest(events, endpoints, gone) as s (event_id, endpoint_id, gone)
  join watchpost.endpoint as e on e.id = s.endpoint_id
  where s.gone and s.event_id = any (passed) and e.enabled;
  return cardinality(passed);
end;
$$;

comment on function watchpost.disable_gone_endpoints is 'heads, alarms: disables endpoints that are gone. What was sent is in watchpost.delivery.';
