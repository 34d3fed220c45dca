-- What must hold of people.

create or replace function watchpost.find_wrong_vectors(from_key uuid) returns table (
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
      and v.vector is distinct from (
        select watchpost.vector_of_person(avg(s.vector), count(*)::integer)
        from watchpost.reference as s
        where s.person_id = v.person_id and s.model_id = v.model_id and s.superseded_at is null
      )
    );
end;

comment on function watchpost.find_wrong_vectors(uuid) is 'Part of find_violations: vectors of people that are not those of their references. The number of references is compared for everybody, the vector where a reference is new.';
