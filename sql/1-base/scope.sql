-- What whoever acts may see: which sites, cameras and lists. Which rows follow from it: visible-rows.sql; for each table:
-- sql/7-rights/policies.sql.
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


create or replace function watchpost.new_person() returns uuid
language sql stable
return nullif(current_setting('watchpost.person', true), '')::uuid;

comment on function watchpost.new_person() is 'The person who is added in this transaction; null: none.';


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


create or replace function watchpost.my_scope() returns watchpost.scope
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return row(watchpost.my_sites(), watchpost.my_cameras(), watchpost.my_watchlists());
end;
$$;

comment on function watchpost.my_scope() is 'What whoever acts may see.';
