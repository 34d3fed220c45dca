-- Lists, who is on them, and people: every change is an event, with who made it and what was there before. A statement
-- that changes nothing makes none.

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

-- watchlist -----------------------------------------------------------------------------------------------------------

-- A list's threshold comes from one of three: a number set by hand, the name of a threshold of the model, or a rate
-- (target_fpir). Setting one clears the others, and a list without any is default. A name is resolved again at every
-- change of the list, so a plain update brings a new model's threshold.
create or replace function watchpost.decided_threshold(becomes watchpost.watchlist, was watchpost.watchlist)
returns watchpost.watchlist
language plpgsql
as $$
declare
  -- On while a new calibration changes the number; otherwise it was set by hand.
  followed boolean := coalesce(current_setting('watchpost.calibrating', true), '') = 'on';
begin
  if was.id is null then
    if becomes.threshold is null and becomes.target_fpir is null then
      becomes.threshold_name := coalesce(becomes.threshold_name, 'default');
    end if;
  elsif becomes.threshold_name is distinct from was.threshold_name then
    becomes.target_fpir := case when becomes.threshold_name is null then becomes.target_fpir end;
  elsif becomes.target_fpir is distinct from was.target_fpir then
    becomes.threshold_name := case when becomes.target_fpir is null then becomes.threshold_name end;
  elsif becomes.threshold is distinct from was.threshold and not followed
    and becomes.threshold is distinct from watchpost.named_threshold(becomes.threshold_name)
  then
    becomes.threshold_name := null;
    becomes.target_fpir := null;
  end if;

  if becomes.threshold_name is not null then
    becomes.threshold := watchpost.named_threshold(becomes.threshold_name);
    becomes.target_fpir := null;
  elsif becomes.target_fpir is not null and becomes.target_fpir is distinct from was.target_fpir then
    becomes.threshold := watchpost.threshold_for(becomes.target_fpir);
  end if;
  return becomes;
end;
$$;

comment on function watchpost.decided_threshold is 'Part of check_watchlist: the row with its threshold, threshold_name and target_fpir in agreement.';


-- Row by row, before the row is written: faults are raised with a code before a constraint would raise them without one,
-- the threshold follows its name or target_fpir, and the version goes up. Lists are few.
create or replace function watchpost.check_watchlist() returns trigger
language plpgsql
as $$
begin
  if not coalesce(new.threshold_name in ('loose', 'default', 'strict'), true) then
    raise exception 'The list % names the threshold %, which does not exist.', quote_literal(new.name), quote_literal(new.threshold_name)
      using errcode = 'WP030', hint = 'Name loose, default or strict, or give a number from 0 to 1 as threshold.';
  end if;
  if not coalesce(new.target_fpir > 0 and new.target_fpir < 1, true) then
    raise exception 'The target_fpir of the list % is %, and must be between 0 and 1.', quote_literal(new.name), new.target_fpir
      using errcode = 'WP030', hint = 'It is the share of strangers that may be taken for somebody, for example 0.003.';
  end if;
  if new.valid_from >= new.valid_until then
    raise exception 'The list % would be valid from % until %, which is no time at all.', quote_literal(new.name), new.valid_from, new.valid_until
      using errcode = 'WP031', hint = 'Let valid_until be after valid_from.';
  end if;
  if tg_op = 'INSERT' and new.valid_until <= now() then
    raise exception 'The list % would have ended already: it is valid until %.', quote_literal(new.name), new.valid_until
      using errcode = 'WP032', hint = 'Give a later valid_until, or none.';
  end if;

  new := watchpost.decided_threshold(new, case when tg_op = 'UPDATE' then old end);
  if not coalesce(new.threshold between 0 and 1, false) then
    raise exception 'The threshold of the list % is %, and must be from 0 to 1.', quote_literal(new.name), coalesce(new.threshold::text, 'null')
      using errcode = 'WP030',
            hint = format('It is the least similarity for a match; the default is %s. threshold_name takes loose, default or strict.', watchpost.named_threshold('default'));
  end if;
  if tg_op = 'UPDATE' and to_jsonb(new) - '{version,changed_at}'::text[] <> to_jsonb(old) - '{version,changed_at}'::text[] then
    new.version := old.version + 1;
    new.changed_at := now();
  end if;
  return new;
end;
$$;

comment on function watchpost.check_watchlist() is 'Refuses a list with a wrong threshold (WP030), validity (WP031) or one that has ended already (WP032); keeps threshold, threshold_name, target_fpir and version true.';

create or replace trigger watchlist_check before insert or update on watchpost.watchlist
for each row execute function watchpost.check_watchlist();


create or replace function watchpost.emit_watchlist_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    perform watchpost.record_watchlist_changes('created', array(select null::jsonb from new_rows), array(select to_jsonb(n) from new_rows as n));
  elsif tg_op = 'DELETE' then
    perform watchpost.record_watchlist_changes('deleted', array(select to_jsonb(o) from old_rows as o), array(select null::jsonb from old_rows));
  else
    perform watchpost.record_watchlist_changes(
      'updated',
      array(select to_jsonb(o) from old_rows as o join new_rows as n using (id) order by o.id),
      array(select to_jsonb(n) from old_rows as o join new_rows as n using (id) order by n.id)
    );
  end if;
  return null;
end;
$$;

comment on function watchpost.emit_watchlist_changed() is 'One watchlist.changed for each list that was made, changed or deleted.';


create or replace function watchpost.record_watchlist_changes(change text, were jsonb[], become jsonb[]) returns void
language plpgsql
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'watchlist.changed', d.id,
    jsonb_build_object(
      'watchlist_id', d.id,
      'name', coalesce(d.becomes, d.was) -> 'name',
      'version', coalesce(d.becomes, d.was) -> 'version',
      'change', change,
      'by', watchpost.actor()
    ) || d.columns,
    watchpost.subscribers('watchlist.changed')
  from (
    select
      (coalesce(r.becomes, r.was) ->> 'id')::uuid as id,
      r.was,
      r.becomes,
      watchpost.changed_columns(r.was - '{version,changed_at}'::text[], r.becomes - '{version,changed_at}'::text[]) as columns
    from unnest(were, become) as r (was, becomes)
  ) as d
  where d.columns <> '{"old": {}, "new": {}}';
end;
$$;

comment on function watchpost.record_watchlist_changes is 'Part of emit_watchlist_changed.';

create or replace trigger watchlist_emit_insert after insert on watchpost.watchlist
referencing new table as new_rows
for each statement execute function watchpost.emit_watchlist_changed();

create or replace trigger watchlist_emit_update after update on watchpost.watchlist
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_watchlist_changed();

create or replace trigger watchlist_emit_delete after delete on watchpost.watchlist
referencing old table as old_rows
for each statement execute function watchpost.emit_watchlist_changed();

-- watchlist_entry -----------------------------------------------------------------------------------------------------

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
  touched uuid[] := array(
    select distinct (e.value ->> 'watchlist_id')::uuid from jsonb_array_elements(added || removed) as e order by 1
  );
  ended record;
begin
  if cardinality(touched) = 0 then
    return;
  end if;
  -- In one order for everybody, so that two statements over the same lists wait for each other and never deadlock.
  perform from watchpost.watchlist as w where w.id = any (touched) order by w.id for no key update;

  select w.name, w.valid_until into ended
  from jsonb_array_elements(added) as e
  join watchpost.watchlist as w on w.id = (e.value ->> 'watchlist_id')::uuid
  where w.valid_until <= now()
  limit 1;
  if found then
    raise exception 'Nobody can be put on the list %: it has ended %.', quote_literal(ended.name), ended.valid_until
      using errcode = 'WP032', hint = 'Give it a later valid_until first.';
  end if;

  update watchpost.watchlist as w set version = w.version + 1, changed_at = now() where w.id = any (touched);

  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'watchlist.person_' || c.change, c.watchlist_id,
    -- Of a list that is being deleted there is no version any more.
    jsonb_build_object(
      'watchlist_id', c.watchlist_id,
      'person_id', c.person_id,
      'version', w.version,
      'change', c.change,
      'by', watchpost.actor()
    ),
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

-- person --------------------------------------------------------------------------------------------------------------

create or replace function watchpost.emit_person_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'person.changed', n.id,
      jsonb_build_object('person_id', n.id, 'change', 'created', 'by', watchpost.actor())
        || jsonb_build_object('old', '{}'::jsonb, 'new', to_jsonb(n)),
      s.tasks
    from new_rows as n
    cross join (select watchpost.subscribers('person.changed') as tasks) as s;
  elsif tg_op = 'DELETE' then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'person.changed', o.id,
      jsonb_build_object('person_id', o.id, 'change', 'deleted', 'by', watchpost.actor())
        || jsonb_build_object('old', to_jsonb(o), 'new', '{}'::jsonb),
      s.tasks
    from old_rows as o
    cross join (select watchpost.subscribers('person.changed') as tasks) as s;
  else
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'person.changed', n.id,
      jsonb_build_object('person_id', n.id, 'change', 'updated', 'by', watchpost.actor())
        || watchpost.changed_columns(to_jsonb(o), to_jsonb(n)),
      s.tasks
    from old_rows as o
    join new_rows as n using (id)
    cross join (select watchpost.subscribers('person.changed') as tasks) as s
    where to_jsonb(o) <> to_jsonb(n);
  end if;
  return null;
end;
$$;

comment on function watchpost.emit_person_changed() is 'One person.changed for each person who was made, changed or deleted.';

create or replace trigger person_emit_insert after insert on watchpost.person
referencing new table as new_rows
for each statement execute function watchpost.emit_person_changed();

create or replace trigger person_emit_update after update on watchpost.person
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_person_changed();

create or replace trigger person_emit_delete after delete on watchpost.person
referencing old table as old_rows
for each statement execute function watchpost.emit_person_changed();
