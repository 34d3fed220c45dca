-- Verifying the record against its seals.

create or replace function watchpost.verify_seal(
  s watchpost.seal, most bigint
) returns table (what text, row_id uuid, detail text)
language plpgsql
as $$
declare
  sealed watchpost.seal_leaves;
begin
  select l.* into sealed from watchpost.seal_leaves as l where l.number = s.number;
  if not found and not (watchpost.is_retired(s.kind, s.first_key) and watchpost.is_retired(s.kind, s.last_key)) then
    return query
    select 'leaves_missing', null::uuid, format('The leaves of seal %s are gone, but its rows were not retired.', s.number);
    return;
  end if;
  if sealed.number is not null and watchpost.seal_root(sealed.ids, sealed.keys, sealed.leaves) <> s.root then
    return query
    select 'leaves_altered', null::uuid, format('The leaves of seal %s are not those that were sealed.', s.number);
    return;
  end if;

  return query
  with retired as materialized (
    select p.first_key, p.last_key
    from watchpost.seal as p
    where p.kind = 'retired' and p.retired ->> 'relation' = s.kind
  ),
  differing as (
    select l.id as leaf_id, l.key, l.place, r.id as row_id
    from unnest(sealed.ids, coalesce(sealed.keys, sealed.ids), sealed.leaves) with ordinality as l (id, key, leaf, place)
    full join watchpost.rows_to_seal(s.kind, s.from_xid, s.from_id, s.to_xid, s.to_id) as r on r.id = l.id
    where r.leaf is distinct from l.leaf
  )
  select
    case
      when d.row_id is null and not o.elsewhere then 'row_missing'
      when d.leaf_id is null then 'row_added'
      else 'row_altered'
    end,
    coalesce(d.leaf_id, d.row_id),
    case
      when d.row_id is null and o.elsewhere then 'Its xid is not the one it was sealed with.'
      when d.row_id is null then 'It was sealed and is gone.'
      when d.leaf_id is null then 'It was put into a range that was sealed without it.'
      else 'It is not as it was when it was sealed.'
    end
  from differing as d
  cross join lateral (
    -- By the partition key, which a row keeps: by its id alone each lookup would read every partition to its end.
    select
      d.row_id is null and case s.kind
        when 'event' then exists (select from watchpost.event as e where e.id = d.key)
        else exists (select from watchpost.handling as h where h.event_id = d.key and h.id = d.leaf_id)
      end as elsewhere
  ) as o
  where d.row_id is not null
    or o.elsewhere
    or not exists (select from retired as t where t.first_key <= d.key and d.key < t.last_key)
  order by d.place nulls last, d.row_id
  limit most;
end;
$$;

comment on function watchpost.verify_seal is 'Part of verify_seals: compares the rows of one seal with its leaves, and these with its root.';


create or replace function watchpost.verify_head(
  head watchpost.seal_head, last_number bigint, last_digest bytea
) returns table (seal bigint, what text, detail text)
language plpgsql
as $$
begin
  if head.number > last_number and not exists (select from watchpost.seal as p where p.number = head.number) then
    return query
    select last_number + 1, 'seal_missing',
      case when head.number = last_number + 1 then format('Seal %s, the latest, is gone.', head.number)
           else format('Seals %s to %s, the latest, are gone.', last_number + 1, head.number) end;
  elsif head.number is distinct from last_number or head.digest is distinct from last_digest then
    return query
    select last_number, 'head_altered', 'The head does not agree with the latest seal: one of them was altered.';
  end if;
end;
$$;

comment on function watchpost.verify_head is 'Part of verify_seals: compares the head with the last seal of the chain.';


create or replace function watchpost.verify_seals(
  first bigint, last bigint, most integer default 10
) returns table (seal bigint, what text, relation text, row_id uuid, detail text)
language plpgsql
as $$
declare
  pair record;
  s watchpost.seal;
  head watchpost.seal_head;
  -- The digest that the seal before has, and the one it should have; the next seal was chained to one of them.
  stored bytea := sha256('watchpost');
  computed bytea := sha256('watchpost');
  expected bigint := 1;
  digest bytea;
  found_here bigint;
  findings bigint := 0;
begin
  if not watchpost.sees_all() then
    raise exception 'The record is one of all sites, and % does not see all of them.', session_user
      using errcode = 'insufficient_privilege', hint = 'Verify it as a user who does: see docs/sites.md.';
  end if;
  -- Keeps partitions from being retired meanwhile.
  lock table watchpost.event, watchpost.handling in access share mode;

  if first > 1 then
    select p.number + 1, p.digest, p.digest into expected, stored, computed
    from watchpost.seal as p where p.number < first order by p.number desc limit 1;
    if not found then
      expected := first;
    end if;
  end if;

  -- One statement reads the head too: read later, it could be of a seal that was appended meanwhile, and seem altered.
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
    continue when s.kind in ('retired', 'restored');

    return query
    select s.number, v.what, s.kind, v.row_id, v.detail from watchpost.verify_seal(s, most - findings) as v;
    get diagnostics found_here = row_count;
    findings := findings + found_here;
  end loop;

  if last >= coalesce(head.number, 0) and findings < most then
    return query
    select v.seal, v.what, null::text, null::uuid, v.detail from watchpost.verify_head(head, expected - 1, stored) as v;
  end if;
end;
$$;

comment on function watchpost.verify_seals is 'verify_audit() for the seals of a range of numbers, to verify a long record in parts.';


create or replace function watchpost.verify_audit(
  most integer default 10
) returns table (seal bigint, what text, relation text, row_id uuid, detail text)
language sql
begin atomic
  select v.seal, v.what, v.relation, v.row_id, v.detail
  from watchpost.verify_seals(1, 9223372036854775807, most) as v;
end;

comment on function watchpost.verify_audit(integer) is 'Compares the whole record with its seals. No row: nothing is wrong. Else the first findings: row_altered, row_missing, row_added, seal_altered, seal_missing, leaves_altered, leaves_missing, head_altered.';
