-- Where pgvector is installed. Functions whose search_path is fixed do not find its types and operators by themselves.

create or replace function watchpost.vector_schema() returns name
language sql stable
return (
  select n.nspname from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace where e.extname = 'vector'
);

comment on function watchpost.vector_schema() is 'The schema of pgvector.';


create or replace function watchpost.add_vector_schema(functions text[]) returns void
language plpgsql
as $$
declare
  name text;
begin
  foreach name in array functions loop
    execute format(
      'alter function watchpost.%I set search_path = pg_catalog, %I, pg_temp', name, watchpost.vector_schema()
    );
  end loop;
end;
$$;

comment on function watchpost.add_vector_schema(text[]) is 'Sets the search_path of these functions to the system''s catalog and the schema of pgvector.';
