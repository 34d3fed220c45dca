-- What a statement has changed, for the events watchlist.changed and person.changed.

create or replace function watchpost.changed_columns(was jsonb, becomes jsonb) returns jsonb
language sql immutable
return jsonb_build_object(
  'old', (
    select coalesce(jsonb_object_agg(o.key, o.value), '{}')
    from jsonb_each(was) as o
    where o.value is distinct from becomes -> o.key
  ),
  'new', (
    select coalesce(jsonb_object_agg(n.key, n.value), '{}')
    from jsonb_each(becomes) as n
    where n.value is distinct from was -> n.key
  )
);

comment on function watchpost.changed_columns(jsonb, jsonb) is 'Of two rows as JSON, the columns that differ: {"old": {…}, "new": {…}}. Either row may be null.';


create or replace function watchpost.emit_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  change constant text := case tg_op when 'INSERT' then 'created' when 'UPDATE' then 'updated' else 'deleted' end;
  were jsonb[];
  become jsonb[];
begin
  if tg_op <> 'INSERT' then
    were := array(select to_jsonb(o) from old_rows as o order by o.id);
  end if;
  if tg_op <> 'DELETE' then
    become := array(select to_jsonb(n) from new_rows as n order by n.id);
  end if;
  execute format('select watchpost.%I($1, $2, $3)', tg_argv[0]) using change, were, become;
  return null;
end;
$$;

comment on function watchpost.emit_changed() is 'Calls the function that is named in the trigger with created, updated or deleted, and the rows of the statement as they were and as they are, by id.';
