-- Merging two people who are one: everything that belongs to the one is given to the other, in one transaction.
--
-- writes person_merge, person_merge_row · emits person.merged; watchlist.person_added, match.withdrawn, alert.withdrawn
-- and backfill.continued for what follows from it
--
-- person_merge_row has every row that is changed, by which unmerge-persons.sql gives them back. No row is written for
-- the merged person any more: sql/4-people/merged-people.sql. The parts, in the order in which they happen:
-- merge-refusal.sql, merge-contradictions.sql, merge-alerts.sql, merge-moves.sql, merge-notes.sql, merge-follow-up.sql.

-- The same order in every transaction that merges: enrolment first, so that no photo of either is being enrolled, then
-- the people, for which whatever writes a match or an alert of theirs waits.
create or replace function watchpost.lock_people(people uuid[]) returns void
language plpgsql
as $$
begin
  perform pg_advisory_xact_lock(hashtext('watchpost.enrolment'));
  perform from watchpost.person as p where p.id = any (people) order by p.id for update;
end;
$$;

comment on function watchpost.lock_people(uuid[]) is 'Part of merging: locks people against everything that writes for them, until the end of the transaction.';


-- An event is kept for ever, so it names at most a thousand rows of each table; all of them are in person_merge_row.
create or replace function watchpost.emit_merge(of_topic text, merge watchpost.person_merge) returns void
language sql
begin atomic
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    of_topic, (merge).id,
    jsonb_build_object(
      'merge_id', (merge).id,
      'person_id', (merge).kept_id,
      'merged_id', (merge).merged_id,
      'note', case of_topic when 'person.merged' then (merge).note else (merge).undo_note end,
      'by', case of_topic when 'person.merged' then (merge).merged_by else (merge).undone_by end,
      'moved', (merge).moved,
      'rows', (
        select coalesce(jsonb_object_agg(n.relation, n.row_ids), '{}')
        from (
          select m.relation, jsonb_agg(m.row_id order by m.row_id) as row_ids
          from (
            select r.relation, r.row_id, row_number() over (partition by r.relation order by r.row_id) as place
            from watchpost.person_merge_row as r
            where r.merge_id = (merge).id
          ) as m
          where m.place <= 1000
          group by m.relation
        ) as n
      )
    ),
    watchpost.subscribers(of_topic);
end;

comment on function watchpost.emit_merge is 'One person.merged or person.unmerged: the two people, who, why, and which rows of which table.';


create or replace function watchpost.merge_persons(keep uuid, merged uuid, note text default null)
returns watchpost.person_merge
language plpgsql security definer set search_path = pg_catalog, pg_temp set extra_float_digits = 1 set timezone = 'UTC'
as $$
declare
  made watchpost.person_merge;
begin
  if keep = merged then
    raise exception 'Nobody can be merged with themselves.' using errcode = 'WP083', hint = 'Give two different people.';
  end if;
  perform watchpost.assert_own_person(p) from unnest(array[keep, merged]) as p;
  perform watchpost.lock_people(array[keep, merged]);
  perform watchpost.assert_person(p), watchpost.assert_unmerged(p) from unnest(array[keep, merged]) as p;
  perform watchpost.refuse_merge(keep, merged);

  insert into watchpost.person_merge (kept_id, merged_id, note)
  values (keep, merged, nullif(merge_persons.note, ''))
  returning * into made;
  perform watchpost.withdraw_contradictions(made);
  perform watchpost.join_alerts(made);
  perform watchpost.move_rows(made, r.relation) from unnest('{person_photo,reference,backfill,stranger}'::text[]) as r (relation);
  perform watchpost.move_searches(made);
  perform watchpost.move_rows(made, r.relation) from unnest('{match,alert}'::text[]) as r (relation);
  perform watchpost.move_links(made);
  perform watchpost.move_entries(made);
  perform watchpost.note_changes(made);
  update watchpost.person as p set merged_into = keep where p.id = merged;
  update watchpost.person_merge as m
  set moved = (
    select coalesce(jsonb_object_agg(n.relation, n.rows), '{}')
    from (
      select r.relation, count(*) as rows from watchpost.person_merge_row as r where r.merge_id = made.id group by r.relation
    ) as n
  )
  where m.id = made.id
  returning m.* into made;

  perform watchpost.begin_backfills_of(made);
  perform watchpost.retry_duplicates(keep);
  perform watchpost.emit_merge('person.merged', made);
  return made;
end;
$$;

comment on function watchpost.merge_persons is 'Merges one person into another, who keeps name, external_ref and metadata and gets everything else of both: photos, matches, alerts, lists, cannot_links. The merged id leads to the survivor from then on. unmerge_persons(merged) undoes it. The same person twice is an error (WP083), an unknown one (WP004), one who was merged already (WP081), and two of whom somebody has said that they are two (WP080).';
