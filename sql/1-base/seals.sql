-- Seals: the record made tamper-evident, off the hot path. A row carries its transaction (xid); a range of transactions
-- is closed when all of them have ended, so that no late commit can fall into it. What is closed is hashed row by row
-- and chained to what was sealed before. Whoever alters the record must alter every later seal as well, and then the
-- head that somebody has noted elsewhere (watchpost verify --head) is not part of the chain any more.
--
--   leaf   = sha256(the row as a JSON array, UTF-8)
--   root   = sha256(id || event id, for handlings || leaf, of all rows of the seal)
--   digest = sha256(digest of the seal before || the seal as a JSON array, root included, UTF-8)
--
-- The arrays are jsonb, whose text depends on neither version nor settings; times are microseconds since 1970 in
-- decimal, floats the eight hex digits of their bits.

create or replace function watchpost.canonical_time(at timestamptz) returns text
language sql stable strict parallel safe
return trim_scale(extract(epoch from at) * 1000000)::text;

comment on function watchpost.canonical_time(timestamptz) is 'Microseconds since 1970: the same in every time zone.';


create or replace function watchpost.event_leaf(e watchpost.event) returns bytea
language sql stable parallel safe
return sha256(convert_to(
  jsonb_build_array(
    'event', e.id, e.topic, e.subject_id, e.image_id, e.payload, e.tasks, watchpost.canonical_time(e.created_at), e.xid::text
  )::text,
  'UTF8'
));

comment on function watchpost.event_leaf(watchpost.event) is 'The hash by which an event is sealed. Covers every column.';


create or replace function watchpost.handling_leaf(h watchpost.handling) returns bytea
language sql stable parallel safe
return sha256(convert_to(
  jsonb_build_array(
    'handling', h.id, h.event_id, h.task, h.outcome, h.attempt, h.worker_id, watchpost.canonical_time(h.started_at),
    encode(float4send(h.duration_ms), 'hex'), h.code, h.error, watchpost.canonical_time(h.created_at), h.xid::text
  )::text,
  'UTF8'
));

comment on function watchpost.handling_leaf(watchpost.handling) is 'The hash by which a handling is sealed. Covers every column.';


create or replace function watchpost.seal_root(ids uuid[], keys uuid[], leaves bytea[]) returns bytea
language sql immutable parallel safe
return (
  select sha256(coalesce(string_agg(uuid_send(u.id) || coalesce(uuid_send(u.key), '') || u.leaf, '' order by u.place), ''))
  from unnest(ids, keys, leaves) with ordinality as u (id, key, leaf, place)
);

comment on function watchpost.seal_root is 'The hash of all leaves of a seal.';


create or replace function watchpost.seal_digest(previous bytea, s watchpost.seal) returns bytea
language sql stable parallel safe
return sha256(previous || convert_to(
  jsonb_build_array(
    s.number, s.kind, s.row_count, s.from_xid::text, s.from_id, s.to_xid::text, s.to_id, s.first_key, s.last_key,
    encode(s.root, 'hex'), s.retired, watchpost.canonical_time(s.sealed_at)
  )::text,
  'UTF8'
));

comment on function watchpost.seal_digest is 'What seal.digest must be, given the digest of the seal before.';


create or replace function watchpost.is_retired(of_relation text, key uuid) returns boolean
language sql stable
return exists (
  select
  from watchpost.seal as s
  where s.kind = 'retired' and s.retired ->> 'relation' = of_relation and s.first_key <= key and key < s.last_key
);

comment on function watchpost.is_retired is 'Whether rows with this key went with a partition.';


create or replace function watchpost.history_begins() returns uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
return (
  select s.last_key from watchpost.seal as s
  where s.kind = 'retired' and s.retired ->> 'relation' = 'event'
  order by s.last_key desc limit 1
);

comment on function watchpost.history_begins() is 'The least key of an event that was not retired; null: none was.';

-- sealing -------------------------------------------------------------------------------------------------------------

-- The rows of a range, in the order in which they are sealed.
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

comment on function watchpost.rows_to_seal is 'Rows of event or handling between two places in the order of (xid, id), with their hashes.';


-- Puts a seal at the end of the chain; number, digest and sealed_at are filled in here.
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

comment on function watchpost.append_seal is 'Adds a seal to the chain and returns its number.';


create or replace function watchpost.seal_rows(kind text, most integer default 10000) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- Everything below has ended, and what it wrote is seen by every later statement.
  horizon xid8;
  s watchpost.seal;
  ids uuid[];
  keys uuid[];
  leaves bytea[];
  last_xid xid8;
begin
  -- One at a time: the next range begins where this one ends.
  perform from watchpost.seal_head for update;
  horizon := pg_snapshot_xmin(pg_current_snapshot());
  s.kind := seal_rows.kind;
  select p.to_xid, p.to_id into s.from_xid, s.from_id
  from watchpost.seal as p where p.kind = s.kind order by p.number desc limit 1;
  s.from_xid := coalesce(s.from_xid, '0');
  s.from_id := coalesce(s.from_id, '00000000-0000-0000-0000-000000000000');
  if horizon < s.from_xid then
    raise exception 'This server has come to transaction %, but transactions up to % are sealed.', horizon, s.from_xid
      using errcode = 'WP022',
            hint = 'Was a dump restored into a new server? Move the record with a physical backup or pg_upgrade instead: they keep the count.';
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

comment on function watchpost.seal_rows is 'Seals the next closed range of event or handling, at most so many rows; returns how many. A transaction that is open anywhere on the server holds back what was written after it began.';


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


create or replace view watchpost.audit_head as
select s.number, encode(s.digest, 'hex') as digest, s.sealed_at
from watchpost.seal as s
order by s.number desc
limit 1;

comment on view watchpost.audit_head is 'The latest seal. Keep a copy where the owner of this database can not reach it.';

-- verifying -----------------------------------------------------------------------------------------------------------

create or replace function watchpost.verify_seals(
  first bigint, last bigint, most integer default 10
) returns table (seal bigint, what text, relation text, row_id uuid, detail text)
language plpgsql
as $$
declare
  pair record;
  s watchpost.seal;
  told watchpost.seal_leaves;
  head watchpost.seal_head;
  -- The digest that the seal before has, and the one it should have; one of them is what the next was chained to.
  stored bytea := sha256('watchpost');
  computed bytea := sha256('watchpost');
  expected bigint := 1;
  digest bytea;
  found_here bigint;
  findings bigint := 0;
begin
  -- Nothing is retired while it is being looked at.
  lock table watchpost.event, watchpost.handling in access share mode;

  if first > 1 then
    select p.number + 1, p.digest, p.digest into expected, stored, computed
    from watchpost.seal as p where p.number < first order by p.number desc limit 1;
    if not found then
      expected := first;
    end if;
  end if;

  -- The head is read by the same statement: one that is read later knows a seal that was appended meanwhile, and looks
  -- altered.
  for pair in
    select h as head, p as seal
    from (values (true)) as always
    left join watchpost.seal_head as h on true
    left join watchpost.seal as p on p.number between first and last
    order by p.number
  loop
    head := pair.head;
    s := pair.seal;
    exit when findings >= most or s.number is null;

    if s.number > expected then
      return query
      select expected, 'seal_missing', null::text, null::uuid,
        case when s.number - expected = 1 then format('Seal %s is gone.', expected)
             else format('Seals %s to %s are gone.', expected, s.number - 1) end;
      findings := findings + 1;
      computed := s.digest;
    else
      digest := watchpost.seal_digest(stored, s);
      if s.digest not in (digest, watchpost.seal_digest(computed, s)) then
        return query
        select s.number, 'seal_altered', s.kind, null::uuid,
          format('Seal %s does not follow from seal %s: one of them was altered.', s.number, s.number - 1);
        findings := findings + 1;
      end if;
      computed := digest;
    end if;
    stored := s.digest;
    expected := s.number + 1;
    continue when s.kind = 'retired';

    select l.* into told from watchpost.seal_leaves as l where l.number = s.number;
    if not found and not (watchpost.is_retired(s.kind, s.first_key) and watchpost.is_retired(s.kind, s.last_key)) then
      return query
      select s.number, 'leaves_missing', s.kind, null::uuid, format('The leaves of seal %s are gone, but its rows were not retired.', s.number);
      findings := findings + 1;
      continue;
    end if;
    if told.number is not null and watchpost.seal_root(told.ids, told.keys, told.leaves) <> s.root then
      return query
      select s.number, 'leaves_altered', s.kind, null::uuid, format('The leaves of seal %s are not those that were sealed.', s.number);
      findings := findings + 1;
      continue;
    end if;

    return query
    select
      s.number,
      case
        when r.id is null and o.elsewhere then 'row_altered'
        when r.id is null then 'row_missing'
        when l.id is null then 'row_added'
        else 'row_altered'
      end,
      s.kind,
      coalesce(l.id, r.id),
      case
        when r.id is null and o.elsewhere then 'Its xid is not the one it was sealed with.'
        when r.id is null then 'It was sealed and is gone.'
        when l.id is null then 'It was put into a range that was sealed without it.'
        else 'It is not as it was when it was sealed.'
      end
    from unnest(told.ids, coalesce(told.keys, told.ids), told.leaves) with ordinality as l (id, key, leaf, place)
    full join watchpost.rows_to_seal(s.kind, s.from_xid, s.from_id, s.to_xid, s.to_id) as r on r.id = l.id
    cross join lateral (
      select
        r.id is null and case s.kind
          when 'event' then exists (select from watchpost.event as e where e.id = l.id)
          else exists (select from watchpost.handling as h where h.id = l.id)
        end as elsewhere
    ) as o
    where r.leaf is distinct from l.leaf
      and not (r.id is null and not o.elsewhere and watchpost.is_retired(s.kind, l.key))
    order by l.place nulls last, r.id
    limit most - findings;
    get diagnostics found_here = row_count;
    findings := findings + found_here;
  end loop;

  if last >= coalesce(head.number, 0) and findings < most then
    if head.number >= expected and not exists (select from watchpost.seal as p where p.number = head.number) then
      return query
      select expected, 'seal_missing', null::text, null::uuid,
        case when head.number = expected then format('Seal %s, the latest, is gone.', expected)
             else format('Seals %s to %s, the latest, are gone.', expected, head.number) end;
    elsif head.number is distinct from expected - 1 or head.digest is distinct from stored then
      return query
      select expected - 1, 'head_altered', null::text, null::uuid, 'The head does not agree with the latest seal: one of them was altered.';
    end if;
  end if;
end;
$$;

comment on function watchpost.verify_seals is 'verify_audit() for the seals of a range of numbers, so that a long record can be verified in parts.';


create or replace function watchpost.verify_audit(
  most integer default 10
) returns table (seal bigint, what text, relation text, row_id uuid, detail text)
language sql
begin atomic
  select v.seal, v.what, v.relation, v.row_id, v.detail
  from watchpost.verify_seals(1, 9223372036854775807, most) as v;
end;

comment on function watchpost.verify_audit(integer) is 'Compares the whole record with its seals. No row: all is well. Else the first things that are not: row_altered, row_missing, row_added, seal_altered, seal_missing, leaves_altered, leaves_missing, head_altered.';
