-- What a merge gives to the survivor, each row of it noted in person_merge_row. Alerts: merge-alerts.sql.

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
