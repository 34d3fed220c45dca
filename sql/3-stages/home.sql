-- Home Assistant: what is published to a broker, retained, so that it finds a sensor for each person, a binary sensor for each
-- list and a picture of the latest alert (home-messages.sql). home_topic has what the broker has.
--
-- consumes home.due · writes home_topic, home · emits home.due

-- Who finds that a job is due anyway leaves it at that.
create or replace function watchpost.want_home(endpoints uuid[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  with wanted as (
    update watchpost.home as h
    set due_since = clock_timestamp()
    where h.endpoint_id = any (endpoints) and (h.due_since is null or h.due_since < clock_timestamp() - interval '10 minutes')
    returning h.endpoint_id
  )
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select 'home.due', w.endpoint_id, jsonb_build_object('endpoint_id', w.endpoint_id), watchpost.subscribers('home.due')
  from wanted as w;
end;
$$;

comment on function watchpost.want_home(uuid[]) is 'One home.due for each of these endpoints that has none which is still to be done.';


-- At once for alerts. Everything else, and what a job has just missed, is found by note_home() within 15 s.
create or replace function watchpost.follow_home() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  behind uuid[] := array(select h.endpoint_id from watchpost.home as h where h.due_since is null);
begin
  if behind <> '{}' then
    perform watchpost.want_home(behind);
  end if;
  return null;
end;
$$;

comment on function watchpost.follow_home() is 'home.due for every endpoint of Home Assistant, when alerts were raised or changed.';

create or replace trigger alert_home after insert or update on watchpost.alert
for each statement execute function watchpost.follow_home();


create or replace function watchpost.note_home() returns integer
language plpgsql
as $$
declare
  behind uuid[];
begin
  insert into watchpost.home (endpoint_id)
  select e.id
  from watchpost.endpoint as e
  where e.kind = 'mqtt' and e.settings ? 'home_assistant' and e.enabled
  on conflict do nothing;
  behind := array(
    select h.endpoint_id
    from watchpost.home as h
    join watchpost.endpoint as e on e.id = h.endpoint_id and (e.enabled or e.removed_at is not null)
    where watchpost.is_home_behind(h.endpoint_id)
  );
  perform watchpost.want_home(behind);
  return cardinality(behind);
end;
$$;

comment on function watchpost.note_home() is 'Part of page_alerts: home.due for each endpoint whose broker is behind; returns how many.';


create or replace function watchpost.write_home(passed uuid[], events uuid[]) returns integer
language sql
begin atomic
  select cardinality(passed);
end;

comment on function watchpost.write_home is 'home: nothing, as what was published is in home_topic by then.';


create or replace function watchpost.hold_home(worker uuid) returns uuid[]
language plpgsql
as $$
declare
  held uuid[];
begin
  with taken as (
    update watchpost.home as h
    set worker_id = hold_home.worker
    from watchpost.endpoint as e
    where e.id = h.endpoint_id and e.enabled
      and h.worker_id is distinct from hold_home.worker
      and not exists (
        select from watchpost.worker as w where w.id = h.worker_id and w.stopped_at is null and w.lost_at is null
      )
    returning h.endpoint_id
  )
  select array_agg(t.id) into held
  from (
    select k.endpoint_id from taken as k
    union
    select h.endpoint_id
    from watchpost.home as h
    join watchpost.endpoint as e on e.id = h.endpoint_id and e.enabled
    where h.worker_id = hold_home.worker
  ) as t (id);
  return coalesce(held, '{}');
end;
$$;

comment on function watchpost.hold_home(uuid) is 'The endpoints at whose brokers this worker says that Watchpost is there: its own, and those of workers that are gone.';
