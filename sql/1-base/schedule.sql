-- Days of the week and hours by the clock of a time zone: quiet hours of lists, and the hours of rules about strangers.

create or replace function watchpost.is_time_zone(name text) returns boolean
language sql stable parallel safe
return exists (select from pg_timezone_names as z where z.name = is_time_zone.name);

comment on function watchpost.is_time_zone(text) is 'Whether this Postgres knows a time zone of this name. Not abbreviations and offsets, which have no summer time.';


-- A trigger, not a CHECK: a dump is restored also where the server's zones are others.
create or replace function watchpost.check_time_zone() returns trigger
language plpgsql
as $$
begin
  if not watchpost.is_time_zone(new.time_zone) then
    raise exception 'There is no time zone %.', quote_literal(new.time_zone)
      using errcode = 'WP064', hint = 'Name one like Europe/Vienna or UTC: select name from pg_timezone_names.';
  end if;
  return new;
end;
$$;

comment on function watchpost.check_time_zone() is 'Refuses a row whose time zone is unknown (WP064).';

create or replace trigger paging_time_zone before insert or update of time_zone on watchpost.paging
for each row execute function watchpost.check_time_zone();

create or replace trigger stranger_rule_time_zone before insert or update of time_zone on watchpost.stranger_rule
for each row execute function watchpost.check_time_zone();


create or replace function watchpost.is_scheduled(at timestamptz, time_zone text, days smallint[], begins time, ends time)
returns boolean
language plpgsql stable
as $$
declare
  here constant timestamp := at at time zone is_scheduled.time_zone;
  is_over_midnight constant boolean := coalesce(begins >= ends, false);
  begun_on constant date := case when is_over_midnight and here::time < ends then here::date - 1 else here::date end;
begin
  return coalesce(extract(isodow from begun_on)::smallint = any (days), true)
    and coalesce(
      case when is_over_midnight then here::time >= begins or here::time < ends else here::time >= begins and here::time < ends end,
      true
    );
end;
$$;

comment on function watchpost.is_scheduled is 'Whether a moment is on these days (1 is Monday; null: every day) and within these hours (null: all day). Hours that do not end after their beginning end on the next day, and belong to the day on which they begin.';
