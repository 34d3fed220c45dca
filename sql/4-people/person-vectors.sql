-- What a probe is compared with: one vector for each person, computed from the current references by triggers, in the
-- transaction that changes them. Similarity is defined here and nowhere else.

-- The similarity of a probe p to a person with k references of mean m is
--
--   1 - d^2 / (1.7 + 0.3 / k)        d the distance of p to m, which is not scaled to length 1
--
-- With one reference that is their cosine. For a p of length 1 it equals the inner product of (p, 1, 0) with the vector
-- that vector_of_person makes of m: m scaled, the constant term, and a number that gives all these vectors one length.
-- So a scan orders by one plain operator, and an index for L2 distances gives the same order; an index for inner
-- products finds fewer: 0.987 of the ten nearest of 20,000 people, where this one finds 0.998.
--
-- Unlike the cosine, the distance to the raw mean tolerates more of a person whose photos vary, as their mean is
-- shorter (0.8 with 5 photos). But with 1 - d^2 / 2 the mean of many photos gains merely by being short: at one
-- threshold people of one photo lose hits and get no false positives, while those of four and more get twice their
-- share. 1.7 + 0.3 / k spreads them evenly; docs/performance.md has the figures and what else was tried.
create or replace function watchpost.vector_of_person(mean halfvec, reference_count integer) returns halfvec
language plpgsql immutable strict parallel safe
as $$
declare
  divisor real := 1.7 + 0.3 / reference_count;
  squared real := -(mean <#> mean);
  added real := 1 - (1 + squared) / divisor;
  -- The square of the length is 1.42 at most, as no mean is longer than 1; 1.45 leaves room for rounding.
  missing real := greatest(0, 1.45 - 4 * squared / divisor ^ 2 - added ^ 2);
begin
  return mean * array_fill(2 / divisor, array[vector_dims(mean)])::halfvec || array[added, sqrt(missing)::real]::halfvec;
end;
$$;

comment on function watchpost.vector_of_person is 'The vector stored as person_vector.vector, from the mean and the number of references: the mean scaled, and two more numbers. See similarity().';


create or replace function watchpost.similarity(probe halfvec, person halfvec) returns real
language sql immutable strict parallel safe
return least(1, -((probe || '[1,0]'::halfvec) <#> person))::real;

comment on function watchpost.similarity is 'Similarity of a face to a person, from the vectors of embedding and person_vector: 1 - d^2 / (1.7 + 0.3 / k), with d the distance to the mean of k references. At most 1; with one reference it is their cosine.';

-- Computed from all references each time, because updating a mean of half precision would add up errors. Two
-- transactions that change one person's references take turns by the lock on the person, and the second computes in a
-- statement of its own, which sees what the first has committed; with a stricter isolation level it fails (40001).
-- Locks are taken in the order of the ids, so that two transactions that change many people cannot deadlock. A deleted
-- person has no vector.
create or replace function watchpost.refresh_person_vectors(people uuid[]) returns void
language plpgsql
as $$
begin
  perform from watchpost.person as p where p.id = any (people) order by p.id for no key update;

  with standing as materialized (
    select r.person_id, r.model_id, avg(r.vector) as mean, count(*)::integer as reference_count
    from watchpost.reference as r
    join watchpost.person as p on p.id = r.person_id
    where r.person_id = any (people) and r.superseded_at is null
    group by r.person_id, r.model_id
  ),
  gone as (
    delete from watchpost.person_vector as v
    where v.person_id = any (people)
      and not exists (select from standing as s where s.person_id = v.person_id and s.model_id = v.model_id)
  )
  insert into watchpost.person_vector as v (person_id, model_id, vector, reference_count)
  select s.person_id, s.model_id, watchpost.vector_of_person(s.mean, s.reference_count), s.reference_count
  from standing as s
  order by s.person_id, s.model_id
  on conflict (person_id, model_id) do update
  set vector = excluded.vector, reference_count = excluded.reference_count;
end;
$$;

comment on function watchpost.refresh_person_vectors(uuid[]) is 'Computes the vectors of these people from their current references. Only needed after references were written with triggers off.';

-- Triggers of owner's functions call these with a search_path without pgvector's schema, where avg and the operators
-- are.
select watchpost.add_vector_schema('{refresh_person_vectors,vector_of_person}');


-- With its owner's rights: who removes a photo need not be allowed to read vectors.
create or replace function watchpost.keep_person_vectors() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  people uuid[];
begin
  if tg_op = 'INSERT' then
    people := array(select distinct n.person_id from new_rows as n where n.superseded_at is null);
  elsif tg_op = 'DELETE' then
    people := array(select distinct o.person_id from old_rows as o where o.superseded_at is null);
  else
    people := array(
      select o.person_id from old_rows as o where o.superseded_at is null
      union
      select n.person_id from new_rows as n where n.superseded_at is null
    );
  end if;
  if cardinality(people) > 0 then
    perform watchpost.refresh_person_vectors(people);
  end if;
  return null;
end;
$$;

comment on function watchpost.keep_person_vectors() is 'Updates person_vector when references are added, superseded, restored or deleted.';

create or replace trigger reference_vector_insert after insert on watchpost.reference
referencing new table as new_rows
for each statement execute function watchpost.keep_person_vectors();

create or replace trigger reference_vector_update after update on watchpost.reference
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.keep_person_vectors();

create or replace trigger reference_vector_delete after delete on watchpost.reference
referencing old table as old_rows
for each statement execute function watchpost.keep_person_vectors();
