-- Taking back a person whose enrolment came to nothing.

create or replace function watchpost.take_back_person(person uuid, photos uuid[]) returns boolean
language plpgsql
as $$
begin
  -- The lock of enrol_reference: no photo is enrolled meanwhile.
  perform pg_advisory_xact_lock(hashtext('watchpost.enrolment'));
  if exists (select from watchpost.reference as r where r.person_id = person)
    or exists (select from watchpost.person_photo as p where p.person_id = person and not p.id = any (photos))
  then
    return false;
  end if;
  if exists (select from watchpost.person as p where p.id = person) then
    -- Whoever was made of a stranger is a stranger again.
    update watchpost.stranger as s set person_id = null, named_at = null, named_by = null where s.person_id = person;
    perform watchpost.forget_person(person);
  end if;
  return true;
end;
$$;

comment on function watchpost.take_back_person is 'Forgets a person who was added with these photos, unless one was enrolled after all or somebody has given them another; says whether the person is gone.';
