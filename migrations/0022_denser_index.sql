-- References are searched through a denser index (see register_model): of the ten nearest of a million 0.94 are found
-- where it was 0.86, at one ef_search. What an index is made by is read when it is made: one that is there stays as it
-- was until `reindex index concurrently watchpost.reference_hnsw_…`, which takes an hour for a million references and may
-- wait until there are more than 10,000 on the active lists, as fewer are compared one by one.
do $$
declare
  name text;
begin
  for name in
    select c.relname from pg_class as c
    where c.relnamespace = 'watchpost'::regnamespace and c.relkind = 'i' and c.relname like 'reference\_hnsw\_%'
  loop
    execute format('alter index watchpost.%I set (m = 32, ef_construction = 128)', name);
  end loop;
end;
$$;
