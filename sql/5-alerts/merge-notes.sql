-- What a merge writes down of the rows that it changes, by which unmerge-persons.sql gives them back.

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
