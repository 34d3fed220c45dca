-- Recognising that this database was restored from a dump, copied or moved, and continuing its record there.

create or replace function watchpost.latest_xid() returns xid8
language sql stable
begin atomic
  select greatest(
    (select e.xid from watchpost.event as e order by e.xid desc limit 1),
    (select h.xid from watchpost.handling as h order by h.xid desc limit 1),
    (select a.xid from watchpost.alert as a order by a.xid desc limit 1),
    (select s.to_xid from watchpost.seal as s where s.to_xid is not null order by s.to_xid desc limit 1),
    '0'
  );
end;

comment on function watchpost.latest_xid() is 'The greatest transaction id in the record.';


-- Rows that were written here before the restore was noticed, by a camera that inserts its photos for example. They have
-- ids of this server, below those that are sealed, and would count as added to a sealed range. A restored row keeps its xid
-- but was inserted by the transaction of the restore, so its xmin differs; should the two agree by chance, its leaf shows it.
create or replace function watchpost.renumber_rows(relation text, added_before bigint, added bigint) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  sealed_up_to constant xid8 := (
    select s.to_xid from watchpost.seal as s where s.kind = relation order by s.number desc limit 1
  );
  renumbered bigint;
begin
  if sealed_up_to is null
    or sealed_up_to < watchpost.add_to_xid(pg_snapshot_xmax(pg_current_snapshot()), added_before)
  then
    return 0;
  end if;
  execute format('alter table watchpost.%I disable trigger %I', relation, relation || '_append_only');
  execute format(
    $query$
      update watchpost.%I as r
      set xid = watchpost.add_to_xid(r.xid, $1)
      where r.xid <= $2
        and r.xmin::text::bigint = r.xid::text::bigint & 4294967295
        and not exists (
          select
          from (
            select unnest(l.ids) as id
            from watchpost.seal_leaves as l
            join watchpost.seal as s on s.number = l.number
            where s.kind = %1$L
          ) as sealed
          where sealed.id = r.id
        )
    $query$,
    relation
  ) using added - added_before, sealed_up_to;
  get diagnostics renumbered = row_count;
  execute format('alter table watchpost.%I enable trigger %I', relation, relation || '_append_only');
  return renumbered;
end;
$$;

comment on function watchpost.renumber_rows is 'Part of continue_record: gives rows that were written here since a restore the transaction ids that they would have now; returns how many.';


create or replace function watchpost.continue_record(here text, last watchpost.server_timeline) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '10s'
as $$
declare
  added_before constant bigint := coalesce(last.xid_added, 0);
  -- More than 2^32 above all that was restored: a client of the alert stream may have a position from the old server that
  -- is later than the dump.
  added constant bigint := ((watchpost.latest_xid()::text::bigint >> 32) + 2) << 32;
  relation text;
  s watchpost.seal;
begin
  lock table watchpost.event, watchpost.handling, watchpost.alert in access exclusive mode;
  -- A constant in the default, so that an INSERT reads nothing for it.
  foreach relation in array '{event,handling,alert}'::text[] loop
    execute format(
      'alter table watchpost.%I alter column xid set default watchpost.add_to_xid(pg_current_xact_id(), %s)',
      relation, added
    );
  end loop;
  perform watchpost.renumber_rows('event', added_before, added), watchpost.renumber_rows('handling', added_before, added);
  insert into watchpost.server_timeline (identity, timeline, xid_added, seen_at)
  values (
    here, watchpost.timeline_of_server(), added,
    -- The latest row is the current one, also where the clock is behind that of the server before.
    greatest(clock_timestamp(), last.seen_at + interval '1 microsecond')
  );
  s.kind := 'restored';
  s.row_count := 0;
  s.restored := jsonb_build_object('from', last.identity, 'to', here, 'xid_added', added::text);
  perform watchpost.append_seal(s);
end;
$$;

comment on function watchpost.continue_record is 'Part of note_server: shifts the transaction ids of what is written from now on above all that was restored, and adds a seal that says so.';


create or replace function watchpost.note_server() returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  here constant text := watchpost.database_identity();
  last watchpost.server_timeline;
begin
  select t.* into last from watchpost.server_timeline as t order by t.seen_at desc limit 1;
  if last.identity is distinct from here then
    -- One session continues the record; those that waited find that it was done.
    perform from watchpost.seal_head for update;
    select t.* into last from watchpost.server_timeline as t order by t.seen_at desc limit 1;
    -- A dump may be of a moment before upkeep had noted its first server: then only a counter that went back shows it.
    if last.identity <> here
      or (last.identity is null and watchpost.latest_xid() >= pg_snapshot_xmax(pg_current_snapshot()))
    then
      perform watchpost.continue_record(here, last);
      return true;
    end if;
  end if;
  insert into watchpost.server_timeline (identity, timeline, xid_added)
  values (here, watchpost.timeline_of_server(), coalesce(last.xid_added, 0))
  on conflict do nothing;
  return false;
end;
$$;

comment on function watchpost.note_server() is 'Notes on which server and timeline this database is. If it was restored from a dump, copied or moved there, continues the record and returns true.';
