-- Merging two people who are one: everything that belongs to the one is given to the other, in one transaction.
--
-- writes person_merge, person_merge_row · emits person.merged; watchlist.person_added, match.withdrawn, alert.withdrawn
-- and backfill.continued for what follows from it
--
-- person_merge_row has every row that is changed, by which unmerge-persons.sql gives them back. No row is written for
-- the merged person any more: sql/4-people/merged-people.sql. Alerts: merge-alerts.sql.

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


create or replace function watchpost.refuse_merge(keep uuid, merged uuid) returns void
language plpgsql stable
as $$
declare
  named constant text := format(
    '%L and %L',
    (select p.name from watchpost.person as p where p.id = keep),
    (select p.name from watchpost.person as p where p.id = merged)
  );
  wrong record;
begin
  select c.id, c.created_by, c.created_at, c.reason into wrong
  from watchpost.cannot_link as c
  where (c.person_id, c.other_person_id) in ((keep, merged), (merged, keep))
  limit 1;
  if found then
    raise exception '% has said that % are two people%.', wrong.created_by, named, coalesce(': ' || nullif(wrong.reason, ''), '')
      using errcode = 'WP080',
            hint = format('If they are one, take that back first: delete from watchpost.cannot_link where id = %L.', wrong.id);
  end if;

  select c.id, c.created_by into wrong
  from watchpost.cannot_link as c
  cross join lateral watchpost.same_faces(c.face_id) as declared (face_id)
  join watchpost.embedding as e on e.face_id = declared.face_id
  join watchpost.reference as r on r.embedding_id = e.id and r.superseded_at is null
  where (c.person_id, r.person_id) in ((keep, merged), (merged, keep))
  limit 1;
  if found then
    raise exception '% has said of a face that enrols one of % that it is not the other.', wrong.created_by, named
      using errcode = 'WP080',
            hint = format('If they are one, take that back first: delete from watchpost.cannot_link where id = %L.', wrong.id);
  end if;

  select k.image_id, m.id into wrong
  from watchpost.person_photo as k
  join watchpost.person_photo as m on m.image_id = k.image_id and m.person_id = merged and m.removed_at is null
  where k.person_id = keep and k.removed_at is null
  limit 1;
  if found then
    raise exception 'The photo % enrols both of %, who are two faces there.', wrong.image_id, named
      using errcode = 'WP080',
            hint = format('If one of the faces is somebody else, remove it first: select watchpost.remove_photo(%L, ''not them'').', wrong.id);
  end if;
end;
$$;

comment on function watchpost.refuse_merge(uuid, uuid) is 'Two people of whom somebody has said that they are two, by a cannot_link or by a photo that enrols both, are an error (WP080).';


-- What is moved is noted as it is moved. What has more than its person changed is noted before, whole; became is empty
-- until note_changes. alert.episode follows from other columns, and its text would depend on settings of the session; those
-- on which the text of other columns depends are set for merge_persons and unmerge_persons.
create or replace function watchpost.note_rows(merge watchpost.person_merge, relation text, row_ids uuid[]) returns void
language plpgsql
as $$
begin
  execute format(
    $query$
      insert into watchpost.person_merge_row (merge_id, relation, row_id, was, became)
      select $1, %1$L, t.id, to_jsonb(t) - 'episode', '{}'
      from (select r.* from watchpost.%1$I as r where r.id = any ($2) order by r.id for no key update) as t
      on conflict do nothing
    $query$,
    relation
  ) using merge.id, row_ids;
end;
$$;

comment on function watchpost.note_rows is 'Part of merge_persons: locks rows that are going to be changed and notes how they are.';


create or replace function watchpost.note_changes(merge watchpost.person_merge) returns void
language plpgsql
as $$
declare
  changed_relation text;
begin
  foreach changed_relation in array '{alert,match,search}'::text[] loop
    execute format(
      $query$
        update watchpost.person_merge_row as n
        set (was, became) = (
          select c.columns -> 'old', c.columns -> 'new'
          from watchpost.%1$I as t
          cross join lateral watchpost.changed_columns(n.was, to_jsonb(t) - 'episode') as c (columns)
          where t.id = n.row_id
        )
        where n.merge_id = $1 and n.relation = %1$L and n.became = '{}'
      $query$,
      changed_relation
    ) using merge.id;
  end loop;
  delete from watchpost.person_merge_row as n where n.merge_id = merge.id and n.became = '{}';
end;
$$;

comment on function watchpost.note_changes is 'Part of merge_persons: of the rows that were noted before they were changed, keeps the columns that have changed.';


create or replace function watchpost.move_rows(
  merge watchpost.person_merge, relation text, person_column text default 'person_id'
) returns void
language plpgsql
as $$
begin
  execute format(
    $query$
      with moved as (
        update watchpost.%1$I as t set %2$I = $2 where t.%2$I = $3 returning t.id
      )
      insert into watchpost.person_merge_row (merge_id, relation, row_id, was, became)
      select $1, %1$L, m.id, jsonb_build_object(%2$L, $3), jsonb_build_object(%2$L, $2)
      from moved as m
      on conflict do nothing
    $query$,
    relation, person_column
  ) using merge.id, merge.kept_id, merge.merged_id;
end;
$$;

comment on function watchpost.move_rows is 'Part of merge_persons: gives all rows of a table to the survivor, and notes them.';


-- Matches that cannot be those of one person: a face that a cannot_link of the other rules out, and of two faces of one
-- photo the less similar one.
create or replace function watchpost.withdraw_contradictions(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  perform watchpost.withdraw_noted(merge, 'cannot_link', array(
    select m.id
    from watchpost.cannot_link as c
    cross join lateral watchpost.same_faces(c.face_id) as declared (face_id)
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


-- Of a list that both are on the survivor's entry stays.
create or replace function watchpost.move_entries(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  perform set_config('watchpost.merging', merge.id::text, true);
  with dropped as (
    delete from watchpost.watchlist_entry as e
    where e.person_id = merge.merged_id
      and exists (
        select from watchpost.watchlist_entry as k where k.watchlist_id = e.watchlist_id and k.person_id = merge.kept_id
      )
    returning e.*
  )
  insert into watchpost.person_merge_row (merge_id, relation, row_id, was, became)
  select merge.id, 'watchlist_entry', d.watchlist_id, to_jsonb(d), null
  from dropped as d;

  with moved as (
    update watchpost.watchlist_entry as e
    set person_id = merge.kept_id
    where e.person_id = merge.merged_id
    returning e.watchlist_id
  )
  insert into watchpost.person_merge_row (merge_id, relation, row_id, was, became)
  select
    merge.id, 'watchlist_entry', m.watchlist_id,
    jsonb_build_object('person_id', merge.merged_id), jsonb_build_object('person_id', merge.kept_id)
  from moved as m;
  perform set_config('watchpost.merging', '', true);
end;
$$;

comment on function watchpost.move_entries is 'Part of merge_persons: puts the survivor on the lists of the merged person, also on those that have ended.';


-- One of which the survivor has the like already stays with the merged person, where it rules out nothing.
create or replace function watchpost.move_links(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  with moved as (
    update watchpost.cannot_link as c
    set person_id = case when c.person_id = merge.merged_id then merge.kept_id else c.person_id end,
        other_person_id = case when c.other_person_id = merge.merged_id then merge.kept_id else c.other_person_id end
    where merge.merged_id in (c.person_id, c.other_person_id)
      and not exists (
        select
        from watchpost.cannot_link as k
        where (k.person_id = merge.kept_id and k.face_id = c.face_id)
          or (
            merge.kept_id in (k.person_id, k.other_person_id)
            and case when c.person_id = merge.merged_id then c.other_person_id else c.person_id end
              in (k.person_id, k.other_person_id)
          )
      )
    returning c.id, c.person_id, c.other_person_id
  )
  insert into watchpost.person_merge_row (merge_id, relation, row_id, was, became)
  select
    merge.id, 'cannot_link', m.id,
    jsonb_build_object(k.key, merge.merged_id), jsonb_build_object(k.key, merge.kept_id)
  from moved as m
  cross join lateral (
    select case when m.person_id = merge.kept_id then 'person_id' else 'other_person_id' end as key
  ) as k;
end;
$$;

comment on function watchpost.move_links is 'Part of merge_persons: what was said not to be the merged person is not the survivor.';


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


-- An event is kept for ever, so it names at most a thousand rows of each table; all of them are in person_merge_row.
create or replace function watchpost.emit_merge(of_topic text, merge watchpost.person_merge) returns void
language sql
begin atomic
  select watchpost.emit_personal(of_topic, array[jsonb_build_object(
    'subject_id', (merge).id,
    'person_id', (merge).kept_id,
    'other_person_id', (merge).merged_id,
    'payload', jsonb_build_object(
      'merge_id', (merge).id,
      'person_id', (merge).kept_id,
      'merged_id', (merge).merged_id,
      'note', null,
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
    'content', (
      select jsonb_build_object('note', w.note)
      from (select case of_topic when 'person.merged' then (merge).note else (merge).undo_note end as note) as w
      where w.note is not null
    )
  )]);
end;

comment on function watchpost.emit_merge is 'One person.merged or person.unmerged: the two people, who, why, and which rows of which table.';


create or replace function watchpost.merge_persons(keep uuid, merged uuid, note text default null)
returns watchpost.person_merge
language plpgsql set extra_float_digits = 1 set timezone = 'UTC'
as $$
declare
  made watchpost.person_merge;
begin
  if keep = merged then
    raise exception 'Nobody can be merged with themselves.' using errcode = 'WP083', hint = 'Give two different people.';
  end if;
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


create or replace function watchpost.move_searches(merge watchpost.person_merge) returns void
language plpgsql
as $$
begin
  with moved as (
    update watchpost.search as s
    set person_id = merge.kept_id
    from (
      select m.search_id as id
      from watchpost.match as m
      where m.person_id = merge.merged_id
      union
      select c.id
      from watchpost.match as m
      join watchpost.search as c on c.face_id = m.face_id and c.superseded_at is null
      where m.person_id = merge.merged_id and m.superseded_at is null
    ) as found
    where s.id = found.id and s.person_id = merge.merged_id
    returning s.id
  )
  insert into watchpost.person_merge_row (merge_id, relation, row_id, was, became)
  select
    merge.id, 'search', m.id,
    jsonb_build_object('person_id', merge.merged_id), jsonb_build_object('person_id', merge.kept_id)
  from moved as m
  on conflict do nothing;
end;
$$;

comment on function watchpost.move_searches is 'Part of merge_persons: the searches that found the merged person found the survivor. Others keep the id, which leads there.';
