-- On which server this database is, and how the record counts transactions.
--
-- Rows of the record are ordered by their transaction (event.xid, handling.xid), and so are alerts for those who follow
-- them (alert.xid). A server that a dump was restored into counts transactions from elsewhere, often from lower: what is
-- written there would lie among rows that were sealed long ago. So the record adds to what the server counts. What it adds
-- is 0 until the database is found in another place: see note_server() (sql/6-record/restored.sql).

create or replace function watchpost.add_to_xid(xid xid8, added bigint) returns xid8
language sql immutable strict parallel safe
return (xid::text::bigint + added)::text::xid8;

comment on function watchpost.add_to_xid(xid8, bigint) is 'A transaction id of the server as one of the record.';


create or replace function watchpost.xid_added() returns bigint
language sql stable
return coalesce((select t.xid_added from watchpost.server_timeline as t order by t.seen_at desc limit 1), 0);

comment on function watchpost.xid_added() is 'What the record adds to this server''s transaction ids.';


create or replace function watchpost.record_snapshot() returns pg_snapshot
language plpgsql stable
as $$
declare
  added constant bigint := watchpost.xid_added();
  seen constant pg_snapshot := pg_current_snapshot();
begin
  return format(
    '%s:%s:%s',
    watchpost.add_to_xid(pg_snapshot_xmin(seen), added),
    watchpost.add_to_xid(pg_snapshot_xmax(seen), added),
    (select string_agg(watchpost.add_to_xid(r.xid, added)::text, ',' order by r.xid) from pg_snapshot_xip(seen) as r (xid))
  );
end;
$$;

comment on function watchpost.record_snapshot() is 'pg_current_snapshot() in the transaction ids of the record.';


create or replace function watchpost.look_for_events(seen_before text, out seen text, out is_new boolean)
language plpgsql stable
as $$
begin
  seen := watchpost.record_snapshot();
  is_new := seen_before is null or exists (
    select
    from watchpost.event as e
    where e.xid >= pg_snapshot_xmin(seen_before::pg_snapshot)
      and not pg_visible_in_snapshot(e.xid, seen_before::pg_snapshot)
  );
end;
$$;

comment on function watchpost.look_for_events(text) is 'Whether there are events that a snapshot of record_snapshot() does not show, and the snapshot to ask with the next time; null: the first time.';


create or replace function watchpost.timeline_of_server() returns text
language sql stable
return left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);

comment on function watchpost.timeline_of_server() is 'The timeline of the WAL that this server writes: another one after each promotion.';


-- A dump that is restored over its own database makes the tables anew, and CREATE DATABASE ... TEMPLATE makes a database of
-- the same tables. A replica and pg_basebackup keep all three.
create or replace function watchpost.database_identity() returns text
language sql stable
return concat_ws(
  '/',
  (select c.system_identifier from pg_control_system() as c),
  (select d.oid from pg_database as d where d.datname = current_database()),
  to_regclass('watchpost.seal')::oid
);

comment on function watchpost.database_identity() is 'The server''s system identifier, the oid of this database, and that of the table seal.';
