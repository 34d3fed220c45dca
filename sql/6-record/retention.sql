-- Retiring partitions by age, as the table retention says.

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

comment on function watchpost.is_awaited is 'Whether an event of this range is in the outbox, claimed, or in a job that is still to be done.';


-- One partition of a table, for events with that of their handlings: both or none.
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

  -- What takes long is done before the locks.
  foreach part in array parts loop
    if part.relation in ('event', 'handling') and not watchpost.is_sealed(part.relation, part.name) then
      return 'it is not sealed yet';
    end if;
    execute format('select count(*) from watchpost_history.%I', part.name) into row_count;
    counts := counts || row_count;
  end loop;

  foreach part in array parts loop
    execute format('lock table watchpost.%I in access exclusive mode', part.relation);
    -- The lock excludes writers, so a row that was inserted late is seen.
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
      null, null, null
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

comment on function watchpost.retire_partition is 'Drops or detaches a partition that is sealed; returns null, or the reason why it could not.';


-- The seals stay, and their roots keep the chain complete. A row with an odd key may be in the default partition, which
-- is never retired: its leaf is still needed.
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

comment on function watchpost.forget_leaves() is 'Deletes the leaves of seals whose rows were all retired; returns how many.';


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
    where r.action in ('detach', 'drop') and p.until_at <= now() - r.age
    order by p.relation, p.from_key
  loop
    -- The oldest first, and none after one that has to stay: make_partitions() would fill the gap again.
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

comment on function watchpost.retain() is 'Retires the oldest partition that is older than the table retention allows; returns which, and which could not be retired and why. Call it until it has retired none.';
