-- The record is append-only: rows of event and handling are never changed or deleted.

create or replace function watchpost.refuse_change() returns trigger
language plpgsql
as $$
begin
  raise exception '%.% is a record: its rows are never changed or deleted.', tg_table_schema, tg_table_name
    using errcode = 'WP020',
          hint = 'Old events are removed by the partition, once it is sealed: see the table watchpost.retention.';
end;
$$;

comment on function watchpost.refuse_change() is 'Refuses any change of a row of the record (WP020).';

-- For each row, so that partitions inherit it. A TRUNCATE has no rows, so each partition gets a trigger of its own
-- (add_partition).
create or replace trigger event_append_only before update or delete on watchpost.event
for each row execute function watchpost.refuse_change();

create or replace trigger event_not_truncated before truncate on watchpost.event
for each statement execute function watchpost.refuse_change();

create or replace trigger event_not_truncated before truncate on watchpost_history.event_rest
for each statement execute function watchpost.refuse_change();

create or replace trigger handling_append_only before update or delete on watchpost.handling
for each row execute function watchpost.refuse_change();

create or replace trigger handling_not_truncated before truncate on watchpost.handling
for each statement execute function watchpost.refuse_change();

create or replace trigger handling_not_truncated before truncate on watchpost_history.handling_rest
for each statement execute function watchpost.refuse_change();


-- Who acts, in events that say it: not what an application writes, but what the database knows. Triggers of ours write as
-- the owner, and ask the same function.
create or replace function watchpost.name_actor() returns trigger
language plpgsql
as $$
begin
  new.payload := new.payload || jsonb_build_object('by', watchpost.actor());
  return new;
end;
$$;

comment on function watchpost.name_actor() is 'Sets "by" in the payload of an event that has it to actor().';

create or replace trigger event_actor before insert on watchpost.event
for each row when (new.payload ? 'by' and row_security_active('watchpost.event'))
execute function watchpost.name_actor();
