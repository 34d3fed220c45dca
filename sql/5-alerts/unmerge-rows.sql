-- What an undone merge gives back: rows of a table, photos with their references, and places on lists.

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
