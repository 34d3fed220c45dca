-- Undoing a merge: every row that it has changed goes back, by person_merge_row. What has happened since stays: a row that
-- was changed or deleted since is left alone, and what was found of the two as one person is searched again.
--
-- writes person_merge · emits person.unmerged; watchlist.person_added and .removed, match.withdrawn and
-- backfill.continued for what follows from it

create or replace function watchpost.find_merge(merged uuid) returns watchpost.person_merge
language plpgsql
as $$
declare
  made watchpost.person_merge;
  later record;
begin
  perform watchpost.assert_own_person(merged);
  select m.* into made from watchpost.person_merge as m where m.merged_id = merged and m.undone_at is null;
  if not found then
    perform watchpost.assert_person(merged);
    raise exception '% is not merged into anybody.', (select quote_literal(p.name) from watchpost.person as p where p.id = merged)
      using errcode = 'WP082',
            hint = 'Give the person who was merged, not the one who was kept: select merged_id, kept_id from watchpost.person_merge where undone_at is null lists them.';
  end if;
  perform watchpost.lock_people(array[made.kept_id, made.merged_id]);
  select m.* into made from watchpost.person_merge as m where m.id = made.id and m.undone_at is null for update;
  if not found then
    return watchpost.find_merge(merged);
  end if;

  -- What was merged on top may have changed the same rows.
  select m.merged_id, p.name into later
  from watchpost.person_merge as m
  join watchpost.person as p on p.id = m.merged_id
  where m.undone_at is null
    and m.id > made.id
    and (m.kept_id = made.kept_id or m.merged_id = made.kept_id)
  order by m.id desc
  limit 1;
  if found then
    raise exception 'The merge of % came later; undo that first.', quote_literal(later.name)
      using errcode = 'WP084', hint = format('select watchpost.unmerge_persons(%L).', later.merged_id);
  end if;
  return made;
end;
$$;

comment on function watchpost.find_merge(uuid) is 'Part of unmerge_persons: the merge of this person that stands, locked. None is an error (WP082), and one on top of which the survivor was merged again (WP084).';


create or replace function watchpost.unmerge_persons(merged uuid, note text default null) returns watchpost.person_merge
language plpgsql security definer set search_path = pg_catalog, pg_temp set extra_float_digits = 1 set timezone = 'UTC'
as $$
declare
  made watchpost.person_merge := watchpost.find_merge(merged);
  reference_ids uuid[];
begin
  -- First, so that what is written from here on for this person is theirs.
  update watchpost.person as p set merged_into = null where p.id = merged;
  reference_ids := watchpost.give_back_photos(made);
  perform watchpost.withdraw_found_since(made, reference_ids);
  perform watchpost.give_back_rows(made, r.relation) from unnest('{match,search,backfill,stranger}'::text[]) as r (relation);
  perform watchpost.restore_withdrawn(made);
  perform watchpost.give_back_alerts(made);
  perform watchpost.give_back_rows(made, 'cannot_link'), watchpost.give_back_rows(made, 'cannot_link', 'other_person_id');
  perform watchpost.give_back_entries(made);

  update watchpost.person_merge as m
  set undone_at = now(), undone_by = watchpost.actor(), undo_note = nullif(unmerge_persons.note, '')
  where m.id = made.id
  returning m.* into made;
  perform watchpost.begin_backfill('removed', made.kept_id, reference_ids);
  perform watchpost.emit_merge('person.unmerged', made);
  return made;
end;
$$;

comment on function watchpost.unmerge_persons is 'Undoes the merge of this person: every row that it has moved or changed is as it was. What came since stays with the survivor, and what was found of both as one is searched again. A person who is not merged is an error (WP082), and a merge on top of which the survivor was merged again (WP084).';
