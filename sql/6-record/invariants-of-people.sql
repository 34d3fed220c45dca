-- What must hold of people.

-- Another CPU or build rounds otherwise: of 300 vectors PGlite and an x86 server computed 63 differently, by 0.00006 at
-- most, and a number near 1 is rounded by up to 0.0005. Not "is distinct from", which pg_dump cannot write with the schema
-- of its operator: a view or function with it could not be restored.
create or replace function watchpost.is_same_vector(one halfvec, other halfvec) returns boolean
language sql immutable
begin atomic
  select coalesce(case when vector_dims(one) = vector_dims(other) then one <-> other <= 0.002 end, false);
end;

comment on function watchpost.is_same_vector(halfvec, halfvec) is 'Whether two vectors of a person are the same as far as CPUs agree.';


create or replace function watchpost.find_wrong_people(from_key uuid) returns table (
  rule text, subject text, finding text, remedy text
)
language sql stable
begin atomic
  select
    'person_vector_untrue',
    person_id::text,
    format(
      'The person''s vector by %s is that of %s references, and %s stand.',
      model_id, coalesce(v.reference_count, 0), coalesce(r.standing, 0)
    ),
    'Written with triggers off? Compute it again: select watchpost.refresh_person_vectors(''{' || person_id || '}'').'
  from watchpost.person_vector as v
  full join (
    select r.person_id, r.model_id, count(*) as standing, bool_or(r.id >= from_key) as is_recent
    from watchpost.reference as r
    where r.superseded_at is null
    group by r.person_id, r.model_id
  ) as r using (person_id, model_id)
  where v.reference_count is distinct from r.standing
    or (
      r.is_recent
      and not watchpost.is_same_vector(
        v.vector,
        (
          select watchpost.vector_of_person(avg(s.vector), count(*)::integer)
          from watchpost.reference as s
          where s.person_id = v.person_id and s.model_id = v.model_id and s.superseded_at is null
        )
      )
    )

  union all
  select
    'reference_of_another',
    r.id::text,
    format('The reference is of the person %s, and its photo of the person %s.', r.person_id, p.person_id),
    'The record was changed directly; "watchpost verify" shows since when.'
  from watchpost.reference as r
  join watchpost.person_photo as p on p.id = r.person_photo_id
  where r.person_id <> p.person_id and r.id >= from_key

  union all
  select
    'merge_unrecorded',
    p.id::text,
    'The person is merged into another, and no merge says so.',
    'It was merged without watchpost.merge_persons(); set person.merged_into to null and call that.'
  from watchpost.person as p
  where p.merged_into is not null
    and not exists (
      select
      from watchpost.person_merge as m
      where m.merged_id = p.id and m.kept_id = p.merged_into and m.undone_at is null
    )

  union all
  select
    'merge_incomplete',
    m.merged_id::text,
    format('The person was merged into %s, and something is still theirs, or the row of person does not lead there.', m.kept_id),
    'It was changed with triggers off: undo the merge, and merge again.'
  from watchpost.person_merge as m
  join watchpost.person as p on p.id = m.merged_id
  where m.undone_at is null
    and (
      p.merged_into is distinct from m.kept_id
      or exists (select from watchpost.person_photo as f where f.person_id = p.id)
      or exists (select from watchpost.reference as r where r.person_id = p.id)
      or exists (select from watchpost.watchlist_entry as e where e.person_id = p.id)
      or exists (select from watchpost.match as s where s.person_id = p.id)
      or exists (select from watchpost.alert as a where a.person_id = p.id)
      or exists (select from watchpost.backfill as b where b.person_id = p.id)
    );
end;

comment on function watchpost.find_wrong_people(uuid) is 'Part of find_violations: people who were merged in part, and vectors of people that are not those of their references. The number of references is compared for everybody, the vector where a reference is new.';
