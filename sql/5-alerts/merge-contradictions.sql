-- Matches that two people cannot have as one: withdrawn before they are merged, and noted.
--
-- A face that a cannot_link of the other rules out, and of two faces of one photo the less similar one.

create or replace function watchpost.withdraw_contradictions(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  perform watchpost.withdraw_noted(merge, 'cannot_link', array(
    select m.id
    from watchpost.cannot_link as c
    cross join lateral watchpost.faces_meant(c.face_id) as declared (face_id)
    join watchpost.match as m on m.face_id = declared.face_id and m.superseded_at is null
    where (c.person_id, m.person_id) in ((merge.kept_id, merge.merged_id), (merge.merged_id, merge.kept_id))
  ));
  perform watchpost.withdraw_noted(merge, 'outranked', array(
    select m.id
    from (
      select
        s.id,
        s.face_id,
        first_value(s.face_id) over (partition by s.image_id order by s.similarity desc, s.face_id) as best
      from watchpost.match as s
      where s.person_id in (merge.kept_id, merge.merged_id) and s.superseded_at is null
    ) as m
    where m.face_id <> m.best
  ));
end;
$$;

comment on function watchpost.withdraw_contradictions is 'Part of merge_persons: withdraws matches that the two cannot have as one person.';


create or replace function watchpost.withdraw_noted(merge watchpost.person_merge, outcome text, matches uuid[]) returns void
language plpgsql
as $$
begin
  if matches = '{}' then
    return;
  end if;
  perform watchpost.note_rows(merge, 'match', matches);
  perform watchpost.note_rows(merge, 'search', array(
    select s.id
    from watchpost.search as s
    where s.face_id = any (array(select m.face_id from watchpost.match as m where m.id = any (matches)))
      and s.outcome = 'match'
      and s.superseded_at is null
  ));
  perform watchpost.note_rows(merge, 'alert', array(
    select am.alert_id from watchpost.alert_match as am where am.match_id = any (matches)
  ));
  perform watchpost.withdraw_matches(matches, outcome);
  insert into watchpost.person_merge_row (merge_id, relation, row_id, was, became)
  select merge.id, 'search', s.id, null, '{"superseded_at": null}'
  from watchpost.search as s
  where s.face_id in (select m.face_id from watchpost.match as m where m.id = any (matches)) and s.superseded_at is null
  on conflict do nothing;
end;
$$;

comment on function watchpost.withdraw_noted is 'Part of merge_persons: withdraw_matches, with every row that it changes and adds noted.';
