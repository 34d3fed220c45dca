-- Times as text.

create or replace function watchpost.utc(moment timestamptz) returns text
language sql immutable
return to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

comment on function watchpost.utc(timestamptz) is 'A time as messages write it, in any time zone of the session: 2026-11-23T15:04:05.000Z.';
