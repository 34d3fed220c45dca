-- The sites themselves: finding them, what is refused, and the events of their changes. What whoever acts may see: scope.sql.

create or replace function watchpost.keep_site() returns trigger
language plpgsql
as $$
begin
  raise exception 'The site of % cannot be changed: what was seen there stays there.', tg_table_name
    using errcode = 'WP025', hint = 'Remove it, and add it again at the other site.';
end;
$$;

comment on function watchpost.keep_site() is 'Refuses to move a camera, a plan or a list to another site (WP025).';

create or replace trigger camera_keep_site before update of site_id on watchpost.camera
for each row when (new.site_id <> old.site_id) execute function watchpost.keep_site();

create or replace trigger plan_keep_site before update of site_id on watchpost.plan
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
    when exists (select from watchpost.plan as p where p.site_id = old.id) then 'it has plans'
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
