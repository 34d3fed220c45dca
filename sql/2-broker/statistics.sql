-- The planner's statistics of tables that are still small.
--
-- A session keeps the plans of its statements until a table of theirs is analyzed, and plans that were made while there were no
-- rows yet read whole tables. Autovacuum looks once a minute. In the first minute of sixteen cameras a statement that reads
-- two rows by their keys took 100 ms so, and half of the machine.

-- Three times as large, for the plan of a small table is still right for one a little larger. From 1,000 pages on, which is 8 MB,
-- a table takes minutes to grow so much, and autovacuum is in time.
create or replace function watchpost.analyze_grown_tables() returns text
language plpgsql
as $$
declare
  grown regclass;
  analyzed integer := 0;
begin
  for grown in
    select c.oid::regclass
    from pg_class as c
    where c.relnamespace = 'watchpost'::regnamespace
      and c.relkind = 'r'
      and c.relpages < 1000
      and pg_relation_size(c.oid) / current_setting('block_size')::integer > greatest(3 * c.relpages, 1)
    order by c.relname
  loop
    execute format('analyze (skip_locked) %s', grown);
    analyzed := analyzed + 1;
  end loop;
  return format('%s tables analyzed', analyzed);
end;
$$;

comment on function watchpost.analyze_grown_tables() is 'Analyzes the tables of less than 1,000 pages that are three times as large as when they were analyzed last, so that sessions plan their statements anew.';
