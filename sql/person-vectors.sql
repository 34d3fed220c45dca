-- The vector of a person: the mean of the references that stand, kept by triggers in the transaction that changes them.

-- All of a person is computed anew: what was added or taken away can not be told from a mean of half precision without
-- an error that grows. Two transactions that change one person's references take turns on the person, and the second
-- computes by a statement of its own, which sees what the first has committed; of a stricter isolation it is refused
-- (40001), as its statement would not see that. In the order of the ids, so that two who change many people's
-- can not deadlock. A person who is gone, or is going, has no vector.
create or replace function watchpost.refresh_person_vectors(people uuid[]) returns void
language plpgsql
as $$
begin
  perform from watchpost.person as p where p.id = any (people) order by p.id for no key update;

  with standing as materialized (
    select r.person_id, r.model_id, avg(r.vector) as vector, count(*)::integer as reference_count
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
  select s.person_id, s.model_id, s.vector, s.reference_count
  from standing as s
  order by s.person_id, s.model_id
  on conflict (person_id, model_id) do update
  set vector = excluded.vector, reference_count = excluded.reference_count;
end;
$$;

comment on function watchpost.refresh_person_vectors(uuid[]) is 'Computes the vectors of these people anew from their standing references. Only needed by hand after references were written with triggers off.';

-- Called by a photo that is deleted, say, it runs where no schema is looked into: the mean of vectors is pgvector's.
do $$
begin
  execute format(
    'alter function watchpost.refresh_person_vectors(uuid[]) set search_path = pg_catalog, %I, pg_temp',
    (
      select n.nspname
      from pg_extension as e
      join pg_namespace as n on n.oid = e.extnamespace
      where e.extname = 'vector'
    )
  );
end;
$$;


create or replace function watchpost.keep_person_vectors() returns trigger
language plpgsql
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

comment on function watchpost.keep_person_vectors() is 'Keeps person_vector true to the references that stand, whoever adds, supersedes, puts back or deletes them.';

create or replace trigger reference_vector_insert after insert on watchpost.reference
referencing new table as new_rows
for each statement execute function watchpost.keep_person_vectors();

create or replace trigger reference_vector_update after update on watchpost.reference
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.keep_person_vectors();

create or replace trigger reference_vector_delete after delete on watchpost.reference
referencing old table as old_rows
for each statement execute function watchpost.keep_person_vectors();
