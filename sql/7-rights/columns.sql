-- Columns, for the grants of roles.sql.

create or replace function watchpost.columns_but(relation text, without text[]) returns text
language sql stable
return (
  select string_agg(quote_ident(a.attname), ', ' order by a.attnum)
  from pg_attribute as a
  where a.attrelid = format('watchpost.%I', relation)::regclass
    and a.attnum > 0
    and not a.attisdropped
    and a.attname <> all (without)
);

comment on function watchpost.columns_but is 'The columns of a table without some, as a list for GRANT.';
