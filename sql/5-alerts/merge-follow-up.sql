-- The work that follows from a merge: photos that were refused because of the other are tried again, and the past is
-- searched.

-- A photo that was refused because it looks like the other of the two is no contradiction any more.
create or replace function watchpost.retry_duplicates(person uuid) returns integer
language plpgsql
as $$
declare
  retried integer := 0;
  refused record;
begin
  for refused in
    select r.id
    from watchpost.person_photo as p
    join watchpost.refusal as r
      on r.image_id = p.image_id and r.task = 'enrol' and r.code = 'face_of_another'
        and r.payload ->> 'person_photo_id' = p.id::text
    where p.person_id = person
      and p.removed_at is null
      and watchpost.survivor(watchpost.person_named_in(r.error)) = person
  loop
    perform watchpost.replay(refused.id);
    retried := retried + 1;
  end loop;
  return retried;
end;
$$;

comment on function watchpost.retry_duplicates(uuid) is 'Part of merge_persons: tries photos again that were refused because they look like somebody who is this person by now.';


-- The past is searched for the survivor as after an enrolment: by all references together, more or fewer faces may be
-- near. Being put on a list begins that by itself.
create or replace function watchpost.begin_backfills_of(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  if not exists (
    select
    from watchpost.person_merge_row as n
    where n.merge_id = merge.id and n.relation = 'watchlist_entry' and n.became is not null
  ) then
    perform watchpost.begin_backfill('enrolled', merge.kept_id, array(
      select n.row_id from watchpost.person_merge_row as n where n.merge_id = merge.id and n.relation = 'reference'
    ));
  end if;
  if exists (select from watchpost.person_merge_row as n where n.merge_id = merge.id and n.relation = 'cannot_link') then
    perform watchpost.begin_backfill('cannot_link', merge.kept_id);
  end if;
end;
$$;

comment on function watchpost.begin_backfills_of is 'Part of merge_persons: begins to search the past faces for the survivor.';
