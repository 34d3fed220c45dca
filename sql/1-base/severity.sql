-- The order of severities.

create or replace function watchpost.severity_rank(severity text) returns integer
language sql immutable
return array_position(array['info', 'warning', 'critical'], severity);

comment on function watchpost.severity_rank(text) is '1 info, 2 warning, 3 critical.';
