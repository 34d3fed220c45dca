-- What the caller of a search by face may see. With the owner's rights, as search-by-photo.sql says.

create or replace function watchpost.visible_list(list uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select exists (
    select
    from watchpost.watchlist as w
    where w.id = visible_list.list
      and (
        watchpost.sees_all()
        or (
          w.site_id = any (watchpost.my_sites())
          and coalesce(w.id = any (watchpost.my_watchlists()), true)
        )
      )
  );
end;

comment on function watchpost.visible_list(uuid) is 'Whether there is such a list, and the caller may see it.';


create or replace function watchpost.visible_lists() returns table (id uuid, version integer)
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select w.id, w.version
  from watchpost.active_watchlist as w
  where watchpost.visible_list(w.id);
end;

comment on function watchpost.visible_lists() is 'The active lists that the caller may search.';


create or replace function watchpost.visible_image(image uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select exists (
    select
    from watchpost.image as i
    where i.id = visible_image.image
      and (
        watchpost.sees_all()
        or (
          i.site_id = any (watchpost.my_sites())
          and (watchpost.my_cameras() is null or coalesce(i.camera_id = any (watchpost.my_cameras()), false))
        )
      )
  );
end;

comment on function watchpost.visible_image(uuid) is 'Whether there is such a photo, and the caller may see what was found in it.';
