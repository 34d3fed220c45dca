-- What becomes of the matches of two people whose merge is undone.

-- What was found since the merge by a reference that goes back. Whose sighting each is will be seen when its photo is
-- searched again.
create or replace function watchpost.withdraw_found_since(merge watchpost.person_merge, reference_ids uuid[]) returns void
language plpgsql
as $$
begin
  perform watchpost.supersede_matches(
    array(
      select m.id
      from watchpost.match as m
      where m.person_id = merge.kept_id
        and m.superseded_at is null
        and m.reference_id = any (reference_ids)
        and not exists (
          select
          from watchpost.person_merge_row as n
          where n.merge_id = merge.id and n.relation = 'match' and n.row_id = m.id
        )
    ),
    'unmerged'
  );
end;
$$;

comment on function watchpost.withdraw_found_since is 'Part of unmerge_persons: withdraws matches of the survivor that were found by references that go back.';


-- A face that was searched again since has a search that stands: its matches stay as they are.
create or replace function watchpost.restore_withdrawn(merge watchpost.person_merge) returns void
language plpgsql
as $$
declare
  restored uuid[];
begin
  with added as (
    delete from watchpost.search as s
    using watchpost.person_merge_row as n
    where n.merge_id = merge.id and n.relation = 'search' and n.was is null
      and s.id = n.row_id
      and s.superseded_at is null
      and not exists (
        select
        from watchpost.match as l
        join watchpost.person_merge_row as b on b.merge_id = merge.id and b.relation = 'match' and b.row_id = l.id
        join watchpost.match as m on m.image_id = l.image_id and m.person_id = l.person_id and m.superseded_at is null
        where l.face_id = s.face_id and b.was ? 'superseded_at' and m.face_id <> l.face_id
      )
    returning s.embedding_id
  )
  select coalesce(array_agg(a.embedding_id), '{}') into restored from added as a;

  update watchpost.search as s
  set superseded_at = null
  from watchpost.person_merge_row as n
  where n.merge_id = merge.id and n.relation = 'search' and n.was ? 'superseded_at' and s.id = n.row_id
    and s.embedding_id = any (restored);

  update watchpost.match as m
  set superseded_at = null, superseded_because = null
  from watchpost.person_merge_row as n
  where n.merge_id = merge.id and n.relation = 'match' and n.was ? 'superseded_at' and m.id = n.row_id
    and m.face_id in (select e.face_id from watchpost.embedding as e where e.id = any (restored));
end;
$$;

comment on function watchpost.restore_withdrawn is 'Part of unmerge_persons: the matches that withdraw_contradictions had withdrawn stand again.';
