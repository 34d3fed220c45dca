-- The partitions of event, handling and search: made ahead, retired by age, each in moments or not at all. Whatever
-- needs a strong lock asks for it for 0.2 s and otherwise leaves it to the next run, because everybody who comes
-- after waits behind it.

create or replace view watchpost.partition as
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

comment on view   watchpost.partition            is 'How the tables that only grow are cut by time. The partitions are in the schema watchpost_history.';
comment on column watchpost.partition.rest       is 'It takes the rows that no other partition takes; should be empty.';
comment on column watchpost.partition.rows_about is 'By the latest count of the autovacuum.';

-- append-only ---------------------------------------------------------------------------------------------------------

create or replace function watchpost.refuse_change() returns trigger
language plpgsql
as $$
begin
  raise exception '%.% is a record: its rows are never changed or deleted.', tg_table_schema, tg_table_name
    using errcode = 'WP020',
          hint = 'Old events go by the partition, sealed: see the table watchpost.retention.';
end;
$$;

comment on function watchpost.refuse_change() is 'Keeps the record as it was written: any change is an error (WP020).';

-- By the row, so that partitions inherit it; a TRUNCATE has no rows, so each partition gets its own (add_partition).
create or replace trigger event_append_only before update or delete on watchpost.event
for each row execute function watchpost.refuse_change();

create or replace trigger event_not_truncated before truncate on watchpost.event
for each statement execute function watchpost.refuse_change();

create or replace trigger event_not_truncated before truncate on watchpost_history.event_rest
for each statement execute function watchpost.refuse_change();

create or replace trigger handling_append_only before update or delete on watchpost.handling
for each row execute function watchpost.refuse_change();

create or replace trigger handling_not_truncated before truncate on watchpost.handling
for each statement execute function watchpost.refuse_change();

create or replace trigger handling_not_truncated before truncate on watchpost_history.handling_rest
for each statement execute function watchpost.refuse_change();

create or replace trigger seal_append_only before update or delete or truncate on watchpost.seal
for each statement execute function watchpost.refuse_change();

create or replace trigger seal_leaves_append_only before update or truncate on watchpost.seal_leaves
for each statement execute function watchpost.refuse_change();

-- making --------------------------------------------------------------------------------------------------------------

-- Built apart and attached, which lets others go on writing to the table: CREATE TABLE ... PARTITION OF would not.
-- Rows that came before their partition was made wait in the rest; they are copied, and the rest is made anew without
-- them, because a DELETE is refused there as well.
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
  if relation in ('event', 'handling') then
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
    if relation in ('event', 'handling') then
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

comment on function watchpost.add_partition is 'Makes one partition; returns why not, if it could not.';


create or replace function watchpost.make_partitions(
  ahead interval default '28 days', move_most integer default 100000
) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- A Monday, so that weeks are weeks.
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
    order by p.relation
  loop
    -- From the first partition on, so that what could not be made before is made now.
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
        -- What was made so far is locked until this commits: no waiting for a second table.
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

comment on function watchpost.make_partitions is 'Makes the partitions of the coming days; tells how many, and what could not be made. A range with more than move_most rows in the rest is left alone.';

-- retiring ------------------------------------------------------------------------------------------------------------

-- Whether everything in a partition of event or handling lies behind the latest seal of its kind.
create or replace function watchpost.is_sealed(relation text, name text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  unsealed boolean;
begin
  execute format(
    $query$
      select exists (
        select
        from watchpost_history.%I as r
        where (r.xid, r.id) > (
          coalesce((select s.to_xid from watchpost.seal as s where s.kind = $1 order by s.number desc limit 1), '0'),
          coalesce((select s.to_id from watchpost.seal as s where s.kind = $1 order by s.number desc limit 1), '00000000-0000-0000-0000-000000000000')
        )
      )
    $query$,
    name
  ) into unsealed using relation;
  return not unsealed;
end;
$$;

comment on function watchpost.is_sealed is 'Whether every row of a partition is sealed.';


-- Whether a job or an outbox row still waits for an event of this range: what waits is not history.
create or replace function watchpost.is_awaited(from_key uuid, until_key uuid) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from watchpost.outbox as o where o.event_id >= from_key and o.event_id < until_key
  ) or exists (
    select
    from watchpost.claim as c
    cross join unnest(c.events) as e (id)
    where e.id >= from_key and e.id < until_key
  ) or exists (
    select from watchpost.list_job_items() as j where j.event_id >= from_key and j.event_id < until_key
  );
end;
$$;

comment on function watchpost.is_awaited is 'Whether work on events of a range is still to be done.';


-- One partition of a table, with that of its handlings if it is of events; all of it, or nothing and the reason why.
create or replace function watchpost.retire_partition(of_relation text, from_key uuid, until_key uuid, action text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '200ms'
as $$
declare
  parts watchpost.partition[];
  part watchpost.partition;
  counts bigint[] := '{}';
  row_count bigint;
begin
  if of_relation = 'event' and watchpost.is_awaited(from_key, until_key) then
    return 'work on its events is still to be done';
  end if;
  select array_agg(p order by p.relation desc, p.from_key) into parts
  from watchpost.partition as p
  where p.from_key >= retire_partition.from_key
    and p.until_key <= retire_partition.until_key
    and p.relation = any (case of_relation when 'event' then '{handling,event}'::text[] else array[of_relation] end);

  -- What takes long goes before the locks.
  foreach part in array parts loop
    if part.relation in ('event', 'handling') and not watchpost.is_sealed(part.relation, part.name) then
      return 'it is not sealed yet';
    end if;
    execute format('select count(*) from watchpost_history.%I', part.name) into row_count;
    counts := counts || row_count;
  end loop;

  foreach part in array parts loop
    execute format('lock table watchpost.%I in access exclusive mode', part.relation);
    -- Whoever was writing is done now, so a row that came late is seen.
    if part.relation in ('event', 'handling') and not watchpost.is_sealed(part.relation, part.name) then
      raise exception 'unsealed' using errcode = 'object_not_in_prerequisite_state';
    end if;
    execute format('alter table watchpost.%I detach partition watchpost_history.%I', part.relation, part.name);
    if action = 'drop' then
      execute format('drop table watchpost_history.%I', part.name);
    end if;
    perform watchpost.append_seal(row (
      null, 'retired', counts[array_position(parts, part)], null, null, null, null, part.from_key, part.until_key, null,
      jsonb_build_object(
        'relation', part.relation, 'partition', part.name, 'action', action,
        'from', watchpost.canonical_time(part.from_at), 'until', watchpost.canonical_time(part.until_at)
      ),
      null, null
    )::watchpost.seal);
  end loop;
  return null;
exception
  when lock_not_available or deadlock_detected then
    return 'the table was in use';
  when object_not_in_prerequisite_state then
    return 'it is not sealed yet';
end;
$$;

comment on function watchpost.retire_partition is 'Drops or detaches a partition that is sealed; returns why not, if it could not.';


-- The leaves of rows that are all gone; the seals stay, and their roots keep the chain whole. A row with an odd key
-- may be in the rest, where nothing is retired: its leaf is still needed.
create or replace function watchpost.forget_leaves() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  forgotten integer;
begin
  delete from watchpost.seal_leaves as l
  using watchpost.seal as s
  where s.number = l.number
    and watchpost.is_retired(s.kind, s.first_key)
    and watchpost.is_retired(s.kind, s.last_key)
    and not exists (select from watchpost_history.event_rest as e where s.kind = 'event' and e.id = any (l.ids))
    and not exists (select from watchpost_history.handling_rest as h where s.kind = 'handling' and h.event_id = any (l.keys));
  get diagnostics forgotten = row_count;
  return forgotten;
end;
$$;

comment on function watchpost.forget_leaves() is 'Drops the leaves of rows that were retired; returns of how many seals.';


-- One partition a call, because its locks are held until the caller commits.
create or replace function watchpost.retain() returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
  trouble text;
  stuck text[] := '{}';
  troubles text[] := '{}';
begin
  perform pg_advisory_xact_lock(hashtext('watchpost.partitions'));
  for part in
    select p.relation, p.name, p.from_key, p.until_key, r.action
    from watchpost.retention as r
    join watchpost.partition as p on p.relation = r.relation and not p.rest
    where r.action <> 'keep' and p.until_at <= now() - r.age
    order by p.relation, p.from_key
  loop
    -- The oldest first, and none past one that has to stay: a gap would be filled again by make_partitions().
    continue when part.relation = any (stuck);
    trouble := watchpost.retire_partition(part.relation, part.from_key, part.until_key, part.action);
    if trouble is null then
      return array_to_string(('1 retired: ' || part.name) || troubles, '; ');
    end if;
    stuck := stuck || part.relation;
    troubles := troubles || format('%s stays: %s', part.name, trouble);
  end loop;
  perform watchpost.forget_leaves();
  return array_to_string('0 retired'::text || troubles, '; ');
end;
$$;

comment on function watchpost.retain() is 'Retires the oldest partition that is older than the table retention allows; tells which, and which could not be and why. To be called again until it has retired none.';

-- A database must not wait for its first worker to have partitions.
select watchpost.make_partitions();
