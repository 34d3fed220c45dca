-- The columns that a change has altered, for the events watchlist.changed and person.changed.

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
