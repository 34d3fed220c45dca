-- Which rows are visible within a scope, which my_scope() says of whoever acts.
--
-- Policies and functions with their owner's rights ask the functions below: whether a row is visible to somebody with this
-- scope. They look past row-level security themselves. Policies that asked each other's tables were planned 2,000 times
-- for one query of alert_detail, which took 18 ms; a call takes some microseconds a row.

create or replace function watchpost.shows_camera(scope watchpost.scope, camera uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from watchpost.camera as c
    where c.id = camera
      and c.site_id = any (scope.sites)
      and (scope.cameras is null or c.id = any (scope.cameras))
  );
end;
$$;

comment on function watchpost.shows_camera is 'Whether a camera is within a scope.';


create or replace function watchpost.shows_watchlist(scope watchpost.scope, watchlist uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from watchpost.watchlist as w
    where w.id = watchlist
      and w.site_id = any (scope.sites)
      and (scope.watchlists is null or w.id = any (scope.watchlists))
  );
end;
$$;

comment on function watchpost.shows_watchlist is 'Whether a list is within a scope.';


create or replace function watchpost.shows_person(scope watchpost.scope, person uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
      select
      from watchpost.person as p
      where p.id = person and p.site_id = any (scope.sites) and scope.watchlists is null
    )
    or exists (
      select
      from watchpost.watchlist_entry as e
      join watchpost.watchlist as w on w.id = e.watchlist_id
      where e.person_id = person
        and w.site_id = any (scope.sites)
        and (scope.watchlists is null or w.id = any (scope.watchlists))
    );
end;
$$;

comment on function watchpost.shows_person is 'Whether a person is within a scope: of one of its sites, or on one of its lists.';


create or replace function watchpost.owns_person(scope watchpost.scope, person uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from watchpost.person as p where p.id = person and p.site_id = any (scope.sites));
end;
$$;

comment on function watchpost.owns_person is 'Whether somebody with a scope may change a person: one of its sites has enrolled them.';


-- What enrols a person is visible with the person, so that a guard can compare; a frame of another site is not.
create or replace function watchpost.shows_image(scope watchpost.scope, image uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  asked record;
begin
  select i.site_id, i.camera_id, i.purpose into asked from watchpost.image as i where i.id = image;
  if asked.site_id = any (scope.sites)
    and (asked.purpose = 'reference' or scope.cameras is null or asked.camera_id = any (scope.cameras))
  then
    return true;
  end if;
  return asked.purpose = 'reference'
    and exists (
      select
      from watchpost.person_photo as p
      where p.image_id = image and watchpost.shows_person(scope, p.person_id)
    );
end;
$$;

comment on function watchpost.shows_image is 'Whether a photo is within a scope: of one of its sites and cameras, or one that enrols a person who is.';


create or replace function watchpost.shows_face(scope watchpost.scope, face uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return watchpost.shows_image(scope, (select f.image_id from watchpost.face as f where f.id = face));
end;
$$;

comment on function watchpost.shows_face is 'Whether a face is within a scope: its photo is.';


create or replace function watchpost.shows_match(scope watchpost.scope, match uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  asked record;
begin
  select m.watchlist_id, m.image_id into asked from watchpost.match as m where m.id = match;
  return watchpost.shows_watchlist(scope, asked.watchlist_id) and watchpost.shows_image(scope, asked.image_id);
end;
$$;

comment on function watchpost.shows_match is 'Whether a match is within a scope: its list and its photo are.';


create or replace function watchpost.shows_alert(scope watchpost.scope, alert uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return watchpost.shows_match(scope, (select a.best_match_id from watchpost.alert as a where a.id = alert));
end;
$$;

comment on function watchpost.shows_alert is 'Whether an alert is within a scope: its best match is, which is of its list.';


create or replace function watchpost.shows_endpoint(scope watchpost.scope, endpoint uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from watchpost.endpoint as e where e.id = endpoint and e.site_id = any (scope.sites));
end;
$$;

comment on function watchpost.shows_endpoint is 'Whether an endpoint is within a scope: it is of one of its sites, and not of all.';


create or replace function watchpost.shows_event(
  scope watchpost.scope, topic text, subject_id uuid, image_id uuid, payload jsonb
) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- Of a photo that is shown, a match may be on a list that is not.
  if image_id is not null then
    return watchpost.shows_image(scope, image_id)
      and (payload ->> 'watchlist_id' is null or watchpost.shows_watchlist(scope, (payload ->> 'watchlist_id')::uuid))
      and (
        scope.watchlists is null or payload ->> 'person_id' is null
        or watchpost.shows_person(scope, (payload ->> 'person_id')::uuid)
      );
  end if;
  return case split_part(topic, '.', 1)
    when 'camera' then watchpost.shows_camera(scope, subject_id)
    when 'watchlist' then watchpost.shows_watchlist(scope, subject_id)
    when 'person' then watchpost.shows_person(scope, (payload ->> 'person_id')::uuid)
    when 'cannot_link' then watchpost.shows_person(scope, (payload ->> 'person_id')::uuid)
    when 'backfill' then watchpost.shows_person(scope, (payload ->> 'person_id')::uuid)
    when 'stranger' then watchpost.shows_camera(scope, (payload ->> 'camera_id')::uuid) or exists (
      select from watchpost.stranger_face as f where f.stranger_id = subject_id and watchpost.shows_face(scope, f.face_id)
    )
    when 'stranger_rule' then
      scope.watchlists is null and (payload ->> 'site_id')::uuid = any (scope.sites)
    when 'unknown' then watchpost.shows_camera(scope, (payload ->> 'camera_id')::uuid)
    when 'alert' then watchpost.shows_alert(scope, (payload ->> 'alert_id')::uuid)
    when 'notification' then
      watchpost.shows_alert(scope, (payload ->> 'alert_id')::uuid)
        and watchpost.shows_endpoint(scope, (payload ->> 'endpoint_id')::uuid)
    when 'summary' then
      watchpost.shows_watchlist(scope, subject_id)
        and watchpost.shows_endpoint(scope, (payload ->> 'endpoint_id')::uuid)
    when 'state' then
      watchpost.shows_alert(scope, (payload ->> 'alert_id')::uuid)
        and watchpost.shows_endpoint(scope, (payload ->> 'endpoint_id')::uuid)
    when 'endpoint' then watchpost.shows_endpoint(scope, subject_id)
    when 'home' then watchpost.shows_endpoint(scope, subject_id)
    when 'bridge' then
      scope.watchlists is null and scope.cameras is null
        and exists (select from watchpost.bridge as b where b.id = subject_id and b.site_id = any (scope.sites))
    when 'plan' then exists (select from watchpost.plan as p where p.id = subject_id and p.site_id = any (scope.sites))
    when 'evidence' then watchpost.shows_alert(scope, subject_id)
    when 'erased' then exists (
      select
      from watchpost.erasure as r
      where r.id = (payload ->> 'erasure_id')::uuid and watchpost.shows_erasure(scope, r.site_id, r.actor)
    )
    else false
  end;
end;
$$;

comment on function watchpost.shows_event is 'Whether an event is within a scope: its photo is, and the list that it names; or what it is about. Events of sites, keys and settings are within none.';


create or replace function watchpost.shows_event_of(scope watchpost.scope, event uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select
    from watchpost.event as e
    where e.id = event and watchpost.shows_event(scope, e.topic, e.subject_id, e.image_id, e.payload)
  );
end;
$$;

comment on function watchpost.shows_event_of is 'shows_event() of an event by its id.';
