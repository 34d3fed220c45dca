-- Which part of the record was retired.

create or replace function watchpost.is_retired(of_relation text, key uuid) returns boolean
language sql stable
return exists (
  select
  from watchpost.seal as s
  where s.kind = 'retired' and s.retired ->> 'relation' = of_relation and s.first_key <= key and key < s.last_key
);

comment on function watchpost.is_retired is 'Whether rows with this key were retired with their partition.';


create or replace function watchpost.history_begins() returns uuid
language sql stable security definer set search_path = pg_catalog, pg_temp
return (
  select s.last_key from watchpost.seal as s
  where s.kind = 'retired' and s.retired ->> 'relation' = 'event'
  order by s.last_key desc limit 1
);

comment on function watchpost.history_begins() is 'The smallest key of an event that was not retired; null: none was retired.';
