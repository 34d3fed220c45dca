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


create or replace function watchpost.give_back_rows(
  merge watchpost.person_merge, relation text, person_column text default 'person_id'
) returns void
language plpgsql
as $$
begin
  execute format(
    $query$
      update watchpost.%1$I as t
      set %2$I = $2
      from watchpost.person_merge_row as n
      where n.merge_id = $1 and n.relation = %1$L and n.was ? %2$L and n.row_id = t.id and t.%2$I = $3
    $query$,
    relation, person_column
  ) using merge.id, merge.merged_id, merge.kept_id;
end;
$$;

comment on function watchpost.give_back_rows is 'Part of unmerge_persons: gives the rows of a table back that were moved and are still there.';


-- Also references that were made of these photos since, by a replay: a reference is of the person of its photo.
create or replace function watchpost.give_back_photos(merge watchpost.person_merge) returns uuid[]
language plpgsql
as $$
declare
  given uuid[];
begin
  perform watchpost.give_back_rows(merge, 'person_photo');
  with moved as (
    update watchpost.reference as r
    set person_id = merge.merged_id
    from watchpost.person_photo as p
    where p.id = r.person_photo_id and p.person_id = merge.merged_id and r.person_id = merge.kept_id
    returning r.id
  )
  select coalesce(array_agg(m.id order by m.id), '{}') into given from moved as m;
  return given;
end;
$$;

comment on function watchpost.give_back_photos is 'Part of unmerge_persons: gives photos back with their references, which it returns.';


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


-- First those whose figures shrink, then those that stand again, so that no two of one person overlap in between. One that
-- was extended since is counted again instead.
create or replace function watchpost.give_back_alerts(merge watchpost.person_merge) returns void
language plpgsql
as $$
declare
  noted constant uuid[] := array(
    select n.row_id from watchpost.person_merge_row as n where n.merge_id = merge.id and n.relation = 'alert'
  );
  given_from uuid[];
  restored uuid[];
  again record;
begin
  with moved as (
    update watchpost.alert_match as am
    set alert_id = a.id
    from watchpost.person_merge_row as n
    join watchpost.alert as a on a.id = (n.was ->> 'alert_id')::uuid
    join watchpost.alert_match as o on o.match_id = n.row_id
    where n.merge_id = merge.id and n.relation = 'alert_match' and am.match_id = n.row_id
    returning o.alert_id
  )
  select coalesce(array_agg(distinct m.alert_id), '{}') into given_from from moved as m;
  perform watchpost.give_back_rows(merge, 'alert');

  with unchanged as (
    update watchpost.alert as a
    set (sightings, first_seen, last_seen, camera_id, best_match_id, similarity) = (
      select w.sightings, w.first_seen, w.last_seen, w.camera_id, w.best_match_id, w.similarity
      from jsonb_populate_record(a, n.was) as w
    )
    from watchpost.person_merge_row as n
    where n.merge_id = merge.id and n.relation = 'alert' and a.id = n.row_id
      and a.withdrawn_at is null
      and n.was ? 'sightings'
      and to_jsonb(a) @> n.became - 'person_id'::text
    returning a.id
  )
  select coalesce(array_agg(u.id), '{}') into restored from unchanged as u;

  for again in
    select a.id, n.was
    from watchpost.person_merge_row as n
    join watchpost.alert as a on a.id = n.row_id and a.withdrawn_at is not null
    where n.merge_id = merge.id and n.relation = 'alert' and n.was ? 'withdrawn_at'
      and exists (
        select
        from watchpost.alert_match as am
        join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
        where am.alert_id = a.id
      )
    order by a.first_seen, a.id
  loop
    perform watchpost.let_stand_again(again.id, again.was);
  end loop;
  perform watchpost.recount_alerts(array(
    select a.id
    from watchpost.alert as a
    cross join lateral (
      select count(m.id) as matches
      from watchpost.alert_match as am
      join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
      where am.alert_id = a.id
    ) as n
    where a.id = any (noted || given_from)
      and a.id <> all (restored)
      and a.withdrawn_at is null
      and (n.matches <> a.sightings or a.id = any (given_from))
  ));
  perform watchpost.withdraw_strayed(merge);
end;
$$;

comment on function watchpost.give_back_alerts is 'Part of unmerge_persons: gives back alerts, the matches that moved between them, and their figures.';


-- An alert that was raised since at the same place and time becomes part of it.
create or replace function watchpost.let_stand_again(alert uuid, was jsonb) returns void
language plpgsql
as $$
declare
  raised_since uuid[] := array(
    select b.id
    from watchpost.alert as a
    join watchpost.alert as b
      on (b.person_id, b.watchlist_id, b.place, b.retroactive) = (a.person_id, a.watchlist_id, a.place, a.retroactive)
        and b.id <> a.id and b.withdrawn_at is null and b.episode && a.episode
    where a.id = alert
  );
begin
  if raised_since <> '{}' then
    perform watchpost.merge_alerts(alert, raised_since);
  end if;
  update watchpost.alert as a
  set (withdrawn_at, merged_into, sightings, first_seen, last_seen, camera_id, best_match_id, similarity) = (
    select w.withdrawn_at, w.merged_into, w.sightings, w.first_seen, w.last_seen, w.camera_id, w.best_match_id, w.similarity
    from jsonb_populate_record(a, let_stand_again.was) as w
  )
  where a.id = alert;
end;
$$;

comment on function watchpost.let_stand_again is 'Part of give_back_alerts: an alert that the merge has withdrawn stands again, as it was.';


-- A sighting that went since into an alert of the other, or came there when two alerts became one.
create or replace function watchpost.withdraw_strayed(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  perform watchpost.supersede_matches(
    array(
      select m.id
      from watchpost.alert as a
      join watchpost.alert_match as am on am.alert_id = a.id
      join watchpost.match as m on m.id = am.match_id and m.superseded_at is null
      where (a.person_id, m.person_id) in ((merge.kept_id, merge.merged_id), (merge.merged_id, merge.kept_id))
    ),
    'unmerged'
  );
end;
$$;

comment on function watchpost.withdraw_strayed is 'Part of give_back_alerts: withdraws matches of one of the two that are in an alert of the other; their photos are searched again.';


-- From a list that the survivor was taken off since, both are. The event of each entry that comes back begins a search of
-- the past for the person.
create or replace function watchpost.give_back_entries(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  perform set_config('watchpost.merging', merge.id::text, true);
  insert into watchpost.watchlist_entry (watchlist_id, person_id, created_at)
  select w.watchlist_id, w.person_id, w.created_at
  from watchpost.person_merge_row as n
  join watchpost.watchlist_entry as k on k.watchlist_id = n.row_id and k.person_id = merge.kept_id
  cross join lateral jsonb_populate_record(null::watchpost.watchlist_entry, n.was) as w
  where n.merge_id = merge.id and n.relation = 'watchlist_entry' and n.became is null;

  update watchpost.watchlist_entry as e
  set person_id = merge.merged_id
  from watchpost.person_merge_row as n
  where n.merge_id = merge.id and n.relation = 'watchlist_entry' and n.became is not null
    and e.watchlist_id = n.row_id and e.person_id = merge.kept_id;
  perform set_config('watchpost.merging', '', true);
end;
$$;

comment on function watchpost.give_back_entries is 'Part of unmerge_persons: puts the person back on their lists.';


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
