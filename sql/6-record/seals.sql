-- Seals: they make the record tamper-evident. A row carries its transaction (xid). A range of transactions is closed
-- when all of them have ended, so that no later commit can fall into it. The rows of a closed range are hashed and
-- chained to what was sealed before. Altering the record takes altering every later seal as well, and then a head that
-- was noted elsewhere (watchpost verify --head) is not in the chain any more.
--
-- The hashes: seal-hashes.sql. Verifying: verify.sql.

create or replace function watchpost.rows_to_seal(
  kind text, from_xid xid8, from_id uuid, to_xid xid8, to_id uuid, most integer default null
) returns table (id uuid, key uuid, xid xid8, leaf bytea)
language plpgsql
as $$
begin
  if kind = 'event' then
    return query
    select e.id, null::uuid, e.xid, watchpost.event_leaf(e)
    from watchpost.event as e
    where (e.xid, e.id) > (from_xid, from_id) and (e.xid, e.id) <= (to_xid, to_id)
    order by e.xid, e.id
    limit most;
  else
    return query
    select h.id, h.event_id, h.xid, watchpost.handling_leaf(h)
    from watchpost.handling as h
    where (h.xid, h.id) > (from_xid, from_id) and (h.xid, h.id) <= (to_xid, to_id)
    order by h.xid, h.id
    limit most;
  end if;
end;
$$;

comment on function watchpost.rows_to_seal is 'The rows of event or handling between two places in the order of (xid, id), in which they are sealed, with their hashes.';


create or replace function watchpost.append_seal(s watchpost.seal) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  head watchpost.seal_head;
begin
  select h.* into strict head from watchpost.seal_head as h for update;
  s.number := head.number + 1;
  s.sealed_at := clock_timestamp();
  s.digest := watchpost.seal_digest(head.digest, s);
  insert into watchpost.seal select s.*;
  update watchpost.seal_head set number = s.number, digest = s.digest;
  return s.number;
end;
$$;

comment on function watchpost.append_seal is 'Adds a seal to the end of the chain, with its number, digest and sealed_at; returns the number.';


create or replace function watchpost.seal_rows(kind text, most integer default 10000) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- Every transaction below it has ended, and every later statement sees what it wrote.
  horizon xid8;
  s watchpost.seal;
  ids uuid[];
  keys uuid[];
  leaves bytea[];
  last_xid xid8;
begin
  -- One at a time: the next range begins where this one ends.
  perform from watchpost.seal_head for update;
  perform watchpost.note_server();
  horizon := watchpost.add_to_xid(pg_snapshot_xmin(pg_current_snapshot()), watchpost.xid_added());
  s.kind := seal_rows.kind;
  select p.to_xid, p.to_id into s.from_xid, s.from_id
  from watchpost.seal as p where p.kind = s.kind order by p.number desc limit 1;
  s.from_xid := coalesce(s.from_xid, '0');
  s.from_id := coalesce(s.from_id, '00000000-0000-0000-0000-000000000000');
  if horizon < s.from_xid then
    raise exception 'This server has come to transaction %, but transactions up to % are sealed.', horizon, s.from_xid
      using errcode = 'WP022',
            hint = 'Was its counter set back, by pg_resetwal for example? Dump the database and restore it into a new one: that continues the record.';
  end if;

  select array_agg(r.id), array_agg(r.key), array_agg(r.leaf), (array_agg(r.xid))[count(*)], count(*)
  into ids, keys, leaves, last_xid, s.row_count
  from watchpost.rows_to_seal(s.kind, s.from_xid, s.from_id, horizon, '00000000-0000-0000-0000-000000000000', most) as r;
  if s.row_count = 0 then
    return 0;
  end if;
  if s.kind = 'event' then
    keys := null;
  end if;

  if s.row_count < most then
    s.to_xid := horizon;
    s.to_id := '00000000-0000-0000-0000-000000000000';
  else
    s.to_xid := last_xid;
    s.to_id := ids[s.row_count];
  end if;
  select k.key into s.first_key from unnest(coalesce(keys, ids)) as k (key) order by k.key limit 1;
  select k.key into s.last_key from unnest(coalesce(keys, ids)) as k (key) order by k.key desc limit 1;
  s.root := watchpost.seal_root(ids, keys, leaves);
  s.number := watchpost.append_seal(s);
  insert into watchpost.seal_leaves (number, ids, keys, leaves) values (s.number, ids, keys, leaves);
  return s.row_count;
end;
$$;

comment on function watchpost.seal_rows is 'Seals the next closed range of event or handling, at most so many rows; returns how many. Rows written after the start of a transaction that is still open, anywhere on the server, have to wait.';


create or replace function watchpost.count_unsealed(kind text) returns bigint
language plpgsql stable
as $$
declare
  last_xid xid8;
  last_id uuid;
begin
  select s.to_xid, s.to_id into last_xid, last_id
  from watchpost.seal as s where s.kind = count_unsealed.kind order by s.number desc limit 1;
  last_xid := coalesce(last_xid, '0');
  last_id := coalesce(last_id, '00000000-0000-0000-0000-000000000000');
  return case kind
    when 'event' then (select count(*) from watchpost.event as e where (e.xid, e.id) > (last_xid, last_id))
    else (select count(*) from watchpost.handling as h where (h.xid, h.id) > (last_xid, last_id))
  end;
end;
$$;

comment on function watchpost.count_unsealed is 'How many rows of event or handling are too new to be sealed.';


create or replace view watchpost.audit_head with (security_invoker = true) as
select s.number, encode(s.digest, 'hex') as digest, s.sealed_at
from watchpost.seal as s
order by s.number desc
limit 1;

comment on view watchpost.audit_head is 'The latest seal. Keep a copy where the owner of this database cannot reach it.';

-- append-only ---------------------------------------------------------------------------------------------------------

create or replace trigger seal_append_only before update or delete or truncate on watchpost.seal
for each statement execute function watchpost.refuse_change();

create or replace trigger seal_leaves_append_only before update or truncate on watchpost.seal_leaves
for each statement execute function watchpost.refuse_change();
