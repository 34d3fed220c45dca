-- Who may see which sites. What follows from it for each table: sql/7-rights/policies.sql.
--
--   the owner of the tables, superusers,   all sites
--   members of watchpost_work
--   the role watchpost_api                 those of the key in the setting watchpost.key, which the API makes for each
--                                          call, together with "set local role watchpost_api"; without it none
--   everybody else                         those of their rows in site_member, by their name or a role that they are in;
--                                          without a row the first site
--
-- Where a role was set, both it and the user of the session have to see a site: whoever sets the role watchpost_reader
-- sees no more than before.
--
-- A policy asks "(select watchpost.sees_all())" before anything else, which is evaluated once a statement: 1 us for a
-- worker.

create or replace function watchpost.is_in(who name, of_role text) returns boolean
language sql stable
return coalesce(pg_has_role(who, to_regrole(of_role)::oid, 'usage'), false);

comment on function watchpost.is_in is 'Whether a user has the rights of a role; false if there is no such role. Superusers have those of all.';


-- With its owner's rights, because it reads keys.
create or replace function watchpost.sites_of(who name) returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  found_sites uuid[];
begin
  if watchpost.is_in(who, 'watchpost_work')
    or (select r.rolsuper or r.rolbypassrls from pg_roles as r where r.rolname = who)
    or pg_has_role(who, (select c.relowner from pg_class as c where c.oid = 'watchpost.site'::regclass), 'usage')
  then
    return null;
  end if;
  if watchpost.is_in(who, 'watchpost_api') then
    select coalesce(k.sites, array(select s.id from watchpost.site as s)) into found_sites
    from watchpost.api_key as k
    where k.id = nullif(current_setting('watchpost.key', true), '')::uuid and k.revoked_at is null;
    return coalesce(found_sites, '{}');
  end if;
  select array_agg(distinct m.site_id) into found_sites
  from watchpost.site_member as m
  join pg_roles as r on r.rolname = m.role
  where pg_has_role(who, r.oid, 'usage');
  return coalesce(found_sites, '{00000000-0000-7000-8000-000000000000}');
end;
$$;

comment on function watchpost.sites_of(name) is 'Part of my_sites: the sites that a database user may see; null: all, also those to come.';


create or replace function watchpost.my_sites() returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  by_user uuid[] := watchpost.sites_of(session_user);
  by_role uuid[];
begin
  if current_setting('role') <> 'none' then
    by_role := watchpost.sites_of(current_setting('role')::name);
  end if;
  return array(
    select s.id
    from watchpost.site as s
    where (by_user is null or s.id = any (by_user)) and (by_role is null or s.id = any (by_role))
  );
end;
$$;

comment on function watchpost.my_sites() is 'The sites that whoever acts may see. In policies and queries as (select watchpost.my_sites()), which is evaluated once a statement.';


create or replace function watchpost.my_key() returns uuid
language plpgsql stable
as $$
begin
  if current_setting('role') = 'watchpost_api'
    or (watchpost.is_in(session_user, 'watchpost_api') and not watchpost.is_in(session_user, 'watchpost_work'))
  then
    return nullif(current_setting('watchpost.key', true), '')::uuid;
  end if;
  return null;
end;
$$;

comment on function watchpost.my_key() is 'The API key that acts in this transaction; null: a database user does.';


create or replace function watchpost.my_cameras() returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return (select k.cameras from watchpost.api_key as k where k.id = watchpost.my_key());
end;
$$;

comment on function watchpost.my_cameras() is 'The cameras of my_sites() that whoever acts may see; null: all.';


create or replace function watchpost.my_watchlists() returns uuid[]
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return (select k.watchlists from watchpost.api_key as k where k.id = watchpost.my_key());
end;
$$;

comment on function watchpost.my_watchlists() is 'The lists of my_sites() that whoever acts may see; null: all.';


-- A key that is bound to lists sees the people on them: whom it adds, it would not see until they are on one.
create or replace function watchpost.begin_person(lists uuid[]) returns uuid
language plpgsql
as $$
declare
  person constant uuid := watchpost.uuidv7();
begin
  if watchpost.my_watchlists() is not null and cardinality(lists) = 0 then
    raise exception 'This API key is bound to watchlists, so a person needs one.'
      using errcode = 'WP135', hint = 'Name one of the key''s lists in watchlists.';
  end if;
  perform set_config('watchpost.person', person::text, true);
  return person;
end;
$$;

comment on function watchpost.begin_person(uuid[]) is 'The id of a person who is added in this transaction to these lists, and is seen in it from the beginning. A key that is bound to lists has to give one (WP135).';


create or replace function watchpost.person_begun() returns uuid
language sql stable
return nullif(current_setting('watchpost.person', true), '')::uuid;

comment on function watchpost.person_begun() is 'The person who is added in this transaction; null: none.';


-- The first test decides for workers, and for an API key that sees all.
create or replace function watchpost.sees_all() returns boolean
language plpgsql stable
as $$
begin
  if current_setting('role') = 'none' and watchpost.is_in(session_user, 'watchpost_work') then
    return true;
  end if;
  return watchpost.is_limited() is false;
end;
$$;

comment on function watchpost.sees_all() is 'Whether whoever acts may see everything: all sites, and if an API key acts, all cameras and lists. Where there is one site, its members do.';


create or replace function watchpost.is_limited() returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  mine constant uuid[] := watchpost.my_sites();
begin
  return exists (select from watchpost.site as s where s.id <> all (mine))
    or watchpost.my_cameras() is not null
    or watchpost.my_watchlists() is not null;
end;
$$;

comment on function watchpost.is_limited() is 'Part of sees_all: whether there is something that whoever acts may not see.';


-- what is shown -------------------------------------------------------------------------------------------------------

-- Policies and functions with their owner's rights ask the functions below: whether a row is visible to somebody with this
-- scope. They look past row-level security themselves. Policies that asked each other's tables were planned 2,000 times
-- for one query of alert_detail, which took 18 ms; a call takes some microseconds a row.

create or replace function watchpost.my_scope() returns watchpost.scope
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return row(watchpost.my_sites(), watchpost.my_cameras(), watchpost.my_watchlists());
end;
$$;

comment on function watchpost.my_scope() is 'What whoever acts may see.';


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
    when 'stranger' then exists (
      select from watchpost.stranger_face as f where f.stranger_id = subject_id and watchpost.shows_face(scope, f.face_id)
    )
    when 'alert' then watchpost.shows_alert(scope, (payload ->> 'alert_id')::uuid)
    when 'notification' then
      watchpost.shows_alert(scope, (payload ->> 'alert_id')::uuid)
        and watchpost.shows_endpoint(scope, (payload ->> 'endpoint_id')::uuid)
    when 'endpoint' then watchpost.shows_endpoint(scope, subject_id)
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


-- what is refused -----------------------------------------------------------------------------------------------------

create or replace function watchpost.keep_site() returns trigger
language plpgsql
as $$
begin
  raise exception 'The site of % cannot be changed: what was seen there stays there.', tg_table_name
    using errcode = 'WP025', hint = 'Remove it, and add it again at the other site.';
end;
$$;

comment on function watchpost.keep_site() is 'Refuses to move a camera or a list to another site (WP025).';

create or replace trigger camera_keep_site before update of site_id on watchpost.camera
for each row when (new.site_id <> old.site_id) execute function watchpost.keep_site();

create or replace trigger watchlist_keep_site before update of site_id on watchpost.watchlist
for each row when (new.site_id <> old.site_id) execute function watchpost.keep_site();


create or replace function watchpost.find_site(name_or_id text) returns uuid
language plpgsql stable
as $$
declare
  found_id uuid;
begin
  select s.id into found_id
  from watchpost.site as s
  where (s.name = normalize(name_or_id, nfc) or s.id::text = lower(name_or_id))
    and s.id = any ((select watchpost.my_sites())::uuid[])
  order by s.name = normalize(name_or_id, nfc) desc
  limit 1;
  if found_id is null then
    raise exception 'There is no site %.', quote_literal(name_or_id)
      using errcode = 'WP024',
            hint = 'Sites: ' || (
              select string_agg(s.name, ', ' order by s.name)
              from watchpost.site as s
              where s.id = any ((select watchpost.my_sites())::uuid[])
            ) || '.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_site(text) is 'The id of a site by its name or id; an unknown one is an error (WP024).';


create or replace function watchpost.keep_used_site() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  used text := case
    when old.id = '00000000-0000-7000-8000-000000000000' then 'it is the first one'
    when exists (select from watchpost.camera as c where c.site_id = old.id) then 'it has cameras'
    when exists (select from watchpost.watchlist as w where w.site_id = old.id) then 'it has lists'
    when exists (select from watchpost.person as p where p.site_id = old.id) then 'it has people'
    when exists (select from watchpost.endpoint as e where e.site_id = old.id) then 'it has endpoints'
    when exists (select from watchpost.api_key as k where old.id = any (k.sites)) then 'API keys are bound to it'
    when exists (select from watchpost.image as i where i.site_id = old.id) then 'it has photos'
  end;
begin
  if used is not null then
    raise exception 'The site % cannot be removed: %.', quote_literal(old.name), used
      using errcode = 'WP026', hint = 'A site is removed once nothing belongs to it.';
  end if;
  return old;
end;
$$;

comment on function watchpost.keep_used_site() is 'Refuses to delete a site to which something belongs, and the first one (WP026).';

create or replace trigger site_keep_used before delete on watchpost.site
for each row execute function watchpost.keep_used_site();


-- emits site.changed
create or replace function watchpost.emit_site_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'site.changed', coalesce(c.becomes ->> 'id', c.becomes ->> 'site_id')::uuid,
    jsonb_build_object('site_id', coalesce(c.becomes -> 'id', c.becomes -> 'site_id'), 'by', watchpost.actor())
      || case tg_table_name
        when 'site' then
          jsonb_build_object(
            'name', c.becomes -> 'name',
            'change', case tg_op when 'INSERT' then 'created' when 'DELETE' then 'deleted' else 'updated' end
          )
        else
          jsonb_build_object(
            'role', c.becomes -> 'role', 'change', case tg_op when 'INSERT' then 'member_added' else 'member_removed' end
          )
      end,
    watchpost.subscribers('site.changed')
  from (select to_jsonb(r) as becomes from changed_rows as r) as c;
  return null;
end;
$$;

comment on function watchpost.emit_site_changed() is 'One site.changed for each site that was created, renamed or deleted, and for each member that was added or removed: by whom.';

create or replace trigger site_emit_insert after insert on watchpost.site
referencing new table as changed_rows
for each statement execute function watchpost.emit_site_changed();

create or replace trigger site_emit_update after update on watchpost.site
referencing new table as changed_rows
for each statement execute function watchpost.emit_site_changed();

create or replace trigger site_emit_delete after delete on watchpost.site
referencing old table as changed_rows
for each statement execute function watchpost.emit_site_changed();

create or replace trigger site_member_emit_insert after insert on watchpost.site_member
referencing new table as changed_rows
for each statement execute function watchpost.emit_site_changed();

create or replace trigger site_member_emit_delete after delete on watchpost.site_member
referencing old table as changed_rows
for each statement execute function watchpost.emit_site_changed();

create or replace trigger site_normal_form before insert or update of name on watchpost.site
for each row when (new.name is not nfc normalized)
execute function watchpost.normalize_columns('name');
