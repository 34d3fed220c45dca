-- The partitions of event, handling, search and access, created ahead of time. Whatever needs a strong lock waits 0.2 s for it
-- and otherwise leaves the work to the next run, because every later statement on the table would queue behind it.

create or replace view watchpost.partition with (security_invoker = true) as
select
  parent.relname::text as relation,
  c.relname::text as name,
  b.bound is null as rest,
  b.bound[1]::uuid as from_key,
  b.bound[2]::uuid as until_key,
  watchpost.uuidv7_time(b.bound[1]::uuid) as from_at,
  watchpost.uuidv7_time(b.bound[2]::uuid) as until_at,
  greatest(c.reltuples, 0)::bigint as rows_about,
  pg_total_relation_size(c.oid) as bytes
from pg_inherits as i
join pg_class as c on c.oid = i.inhrelid
join pg_class as parent on parent.oid = i.inhparent and parent.relkind = 'p'
cross join lateral (
  select regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \('(.+)'\) TO \('(.+)'\)$$) as bound
) as b
where parent.relnamespace = 'watchpost'::regnamespace;

comment on view   watchpost.partition            is 'The partitions of event, handling, search and access, which are in the schema watchpost_history.';
comment on column watchpost.partition.rest       is 'The default partition, for rows that no other one takes; should be empty.';
comment on column watchpost.partition.rows_about is 'As of the latest autovacuum.';


-- Created apart and then attached, during which others can write to the table; CREATE TABLE ... PARTITION OF would lock
-- them out. Rows that came before their partition existed are in the default partition. They are copied, and the
-- default partition is created again without them, because a DELETE is refused there as well.
create or replace function watchpost.add_partition(
  relation text, from_at timestamptz, until_at timestamptz, move_most integer
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '200ms'
as $$
declare
  name text := relation || to_char(from_at at time zone 'UTC', '_YYYY_MM_DD')
    || case when (from_at at time zone 'UTC')::time = '00:00' then '' else to_char(from_at at time zone 'UTC', '_HH24MI') end;
  key text := case relation when 'handling' then 'event_id' else 'id' end;
  from_key uuid := watchpost.uuidv7_at(from_at);
  until_key uuid := watchpost.uuidv7_at(until_at);
  waiting bigint;
begin
  execute format('select count(*) from watchpost_history.%I where %I >= $1 and %2$I < $2', relation || '_rest', key)
    into waiting using from_key, until_key;
  if waiting > move_most then
    return format('%s: %s rows are in %s_rest, too many to be moved while others write; call watchpost.make_partitions(move_most => %s) in a quiet moment', name, waiting, relation, waiting * 2);
  end if;

  execute format('create table watchpost_history.%I (like watchpost.%I including all excluding indexes)', name, relation);
  if relation in ('event', 'handling', 'access') then
    execute format(
      'create trigger %I before truncate on watchpost_history.%I for each statement execute function watchpost.refuse_change()',
      relation || '_not_truncated', name
    );
  end if;
  if waiting > 0 then
    execute format('lock table watchpost.%I in access exclusive mode', relation);
    execute format('alter table watchpost.%I detach partition watchpost_history.%I', relation, relation || '_rest');
    execute format('alter table watchpost_history.%I rename to %I', relation || '_rest', relation || '_moving');
    execute format(
      'insert into watchpost_history.%I select * from watchpost_history.%I where %I >= $1 and %3$I < $2',
      name, relation || '_moving', key
    ) using from_key, until_key;
  end if;
  execute format(
    'alter table watchpost.%I attach partition watchpost_history.%I for values from (%L) to (%L)',
    relation, name, from_key, until_key
  );
  if waiting > 0 then
    execute format('create table watchpost_history.%I (like watchpost.%I including all excluding indexes)', relation || '_rest', relation);
    execute format(
      'insert into watchpost_history.%I select * from watchpost_history.%I where not (%I >= $1 and %3$I < $2)',
      relation || '_rest', relation || '_moving', key
    ) using from_key, until_key;
    execute format('alter table watchpost.%I attach partition watchpost_history.%I default', relation, relation || '_rest');
    if relation in ('event', 'handling', 'access') then
      execute format(
        'create trigger %I before truncate on watchpost_history.%I for each statement execute function watchpost.refuse_change()',
        relation || '_not_truncated', relation || '_rest'
      );
    end if;
    execute format('drop table watchpost_history.%I', relation || '_moving');
  end if;
  return null;
exception
  when lock_not_available or deadlock_detected then
    return format('%s: the table was in use; left to the next run', name);
end;
$$;

comment on function watchpost.add_partition is 'Creates one partition; returns null, or the reason why it could not.';


create or replace function watchpost.make_partitions(
  ahead interval default '28 days', move_most integer default 100000
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- A Monday, so that a width of 7 days gives calendar weeks.
  origin constant timestamptz := '2000-01-03 00:00:00+00';
  part record;
  at timestamptz;
  covered_until timestamptz;
  until timestamptz;
  trouble text;
  made integer := 0;
  troubles text[] := '{}';
begin
  perform pg_advisory_xact_lock(hashtext('watchpost.partitions'));
  for part in
    select p.relation, r.width
    from watchpost.retention as r
    cross join lateral unnest(case r.relation when 'event' then '{event,handling}'::text[] else array[r.relation] end) as p (relation)
    where r.width is not null
    order by p.relation
  loop
    -- From the first partition on, so that one that could not be created before is created now.
    select coalesce(min(p.from_at), date_bin(part.width, now(), origin)) into at
    from watchpost.partition as p
    where p.relation = part.relation;
    while at < now() + ahead loop
      select p.until_at into covered_until
      from watchpost.partition as p
      where p.relation = part.relation and p.from_at <= at and at < p.until_at;
      if found then
        at := covered_until;
        continue;
      end if;
      select least(date_bin(part.width, at, origin) + part.width, min(p.from_at)) into until
      from watchpost.partition as p
      where p.relation = part.relation and p.from_at > at;
      trouble := watchpost.add_partition(part.relation, at, until, move_most);
      if trouble is null then
        made := made + 1;
      else
        troubles := troubles || trouble;
        -- The locks taken so far are held until this commits, so do not wait for a second table.
        if trouble like '%in use%' then
          return array_to_string((made || ' made') || troubles, '; ');
        end if;
      end if;
      at := until;
    end loop;
  end loop;
  return array_to_string((made || ' made') || troubles, '; ');
end;
$$;

comment on function watchpost.make_partitions is 'Creates the partitions of the coming days; returns how many, and which could not be created. A range with more than move_most rows in the default partition is skipped.';


-- So that a new database has partitions before its first worker runs.
select watchpost.make_partitions();
