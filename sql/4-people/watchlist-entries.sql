-- Entries of watchlists: an event for each change, and the version of the list.
--
-- emits watchlist.person_added, which backfill consumes, and watchlist.person_removed

create or replace function watchpost.emit_watchlist_people() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  added jsonb := '[]';
  removed jsonb := '[]';
begin
  if tg_op = 'INSERT' then
    added := (select coalesce(jsonb_agg(to_jsonb(n)), '[]') from new_rows as n);
  elsif tg_op = 'DELETE' then
    removed := (select coalesce(jsonb_agg(to_jsonb(o)), '[]') from old_rows as o);
  else
    added := (
      select coalesce(jsonb_agg(to_jsonb(n)), '[]')
      from new_rows as n
      where not exists (
        select from old_rows as o where o.watchlist_id = n.watchlist_id and o.person_id = n.person_id
      )
    );
    removed := (
      select coalesce(jsonb_agg(to_jsonb(o)), '[]')
      from old_rows as o
      where not exists (
        select from new_rows as n where n.watchlist_id = o.watchlist_id and n.person_id = o.person_id
      )
    );
  end if;
  perform watchpost.record_watchlist_people(added, removed);
  return null;
end;
$$;

comment on function watchpost.emit_watchlist_people() is 'One watchlist.person_added or watchlist.person_removed for each entry; the version of each list goes up by one a statement.';


create or replace function watchpost.record_watchlist_people(added jsonb, removed jsonb) returns void
language plpgsql
as $$
declare
  -- Set while people are merged: who was on a list that has ended stays on it.
  merge_id constant text := nullif(current_setting('watchpost.merging', true), '');
  touched uuid[] := array(
    select distinct (e.value ->> 'watchlist_id')::uuid from jsonb_array_elements(added || removed) as e order by 1
  );
  ended record;
begin
  if cardinality(touched) = 0 then
    return;
  end if;
  -- Always in one order, so that two statements on the same lists wait for each other and never deadlock.
  perform from watchpost.watchlist as w where w.id = any (touched) order by w.id for no key update;

  select w.name, w.valid_until into ended
  from jsonb_array_elements(added) as e
  join watchpost.watchlist as w on w.id = (e.value ->> 'watchlist_id')::uuid
  where w.valid_until <= now() and merge_id is null
  limit 1;
  if found then
    raise exception 'Nobody can be added to the list %: it ended %.', quote_literal(ended.name), ended.valid_until
      using errcode = 'WP032', hint = 'Give it a later valid_until first.';
  end if;

  update watchpost.watchlist as w set version = w.version + 1, changed_at = now() where w.id = any (touched);

  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'watchlist.person_' || c.change, c.watchlist_id,
    -- A list that is being deleted has no version any more.
    jsonb_build_object(
      'watchlist_id', c.watchlist_id,
      'person_id', c.person_id,
      'version', w.version,
      'change', c.change,
      'by', watchpost.actor()
    ) || case when merge_id is null then '{}' else jsonb_build_object('merge_id', merge_id) end,
    watchpost.subscribers('watchlist.person_' || c.change)
  from (
    select 'removed' as change, (e.value ->> 'watchlist_id')::uuid as watchlist_id, (e.value ->> 'person_id')::uuid as person_id
    from jsonb_array_elements(removed) as e
    union all
    select 'added', (e.value ->> 'watchlist_id')::uuid, (e.value ->> 'person_id')::uuid
    from jsonb_array_elements(added) as e
  ) as c
  left join watchpost.watchlist as w on w.id = c.watchlist_id;
end;
$$;

comment on function watchpost.record_watchlist_people is 'Part of emit_watchlist_people; putting somebody on a list that has ended is an error (WP032).';

create or replace trigger watchlist_entry_emit_insert after insert on watchpost.watchlist_entry
referencing new table as new_rows
for each statement execute function watchpost.emit_watchlist_people();

create or replace trigger watchlist_entry_emit_update after update on watchpost.watchlist_entry
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_watchlist_people();

create or replace trigger watchlist_entry_emit_delete after delete on watchpost.watchlist_entry
referencing old table as old_rows
for each statement execute function watchpost.emit_watchlist_people();
