-- Lists: what a row has to be, and the event for each change, with who made it and what was there before. A statement
-- that changes nothing makes no event.
--
-- emits watchlist.changed

-- A list's threshold comes from one of three: a number set by hand, the name of a threshold of the model, or a rate
-- (target_fpir). Setting one clears the others; a list with none is default. A name is resolved at every change of the
-- list, so any update brings a new model's threshold. A new list with a number and a rate begins with the number and
-- follows the next calibration: that is how a list comes from another database, which had a calibration of its own.
create or replace function watchpost.decided_threshold(becomes watchpost.watchlist, was watchpost.watchlist)
returns watchpost.watchlist
language plpgsql
as $$
declare
  -- Set while a new calibration changes the number; otherwise it was set by hand.
  followed boolean := coalesce(current_setting('watchpost.calibrating', true), '') = 'on';
begin
  if was.id is null then
    if becomes.threshold is null and becomes.target_fpir is null then
      becomes.threshold_name := coalesce(becomes.threshold_name, 'default');
    elsif becomes.threshold is not null and becomes.threshold_name is null then
      return becomes;
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


-- Which photos a list is for. Tested when it is said, not again when a camera is moved to another zone later.
create or replace function watchpost.check_watched(list watchpost.watchlist) returns watchpost.watchlist
language plpgsql
as $$
declare
  unknown text;
begin
  select w.id::text into unknown
  from unnest(list.cameras) as w (id)
  where not exists (select from watchpost.camera as c where c.id = w.id and c.site_id = list.site_id)
  limit 1;
  if found then
    raise exception 'The site of the list % has no camera %.', quote_literal(list.name), unknown using errcode = 'WP002';
  end if;

  select w.zone into unknown
  from unnest(list.zones) as w (zone)
  where not exists (
    select
    from watchpost.camera_place as p
    join watchpost.camera as c on c.id = p.camera_id
    where p.zone = normalize(w.zone, nfc) and c.site_id = list.site_id
  )
  limit 1;
  if found then
    raise exception 'No camera of its site is or was in the zone %, which the list % names.', quote_literal(unknown), quote_literal(list.name)
      using errcode = 'WP027',
            hint = 'Zones: ' || coalesce(
              (select string_agg(distinct c.zone, ', ' order by c.zone) from watchpost.camera as c where c.site_id = list.site_id and c.removed_at is null),
              'none yet'
            ) || '.';
  end if;

  -- In one order, so that the same cameras in another one are no change.
  list.cameras := case when list.cameras is not null then array(select distinct w from unnest(list.cameras) as w order by w) end;
  list.zones := case when list.zones is not null then array(select distinct normalize(w, nfc) from unnest(list.zones) as w order by 1) end;
  return list;
end;
$$;

comment on function watchpost.check_watched is 'Part of check_watchlist: refuses a camera (WP002) or a zone (WP027) that the site of the list does not have, and puts both in order.';


-- Before the row is written, so that an error has a code before a constraint raises one without; sets the threshold
-- from its name or target_fpir, and increments the version.
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
    raise exception 'The list % would never be valid: from % until %.', quote_literal(new.name), new.valid_from, new.valid_until
      using errcode = 'WP031', hint = 'Let valid_until be after valid_from.';
  end if;
  if tg_op = 'INSERT' and new.valid_until <= now() then
    raise exception 'The list % would have ended already: it is valid until %.', quote_literal(new.name), new.valid_until
      using errcode = 'WP032', hint = 'Give a later valid_until, or none.';
  end if;

  if num_nonnulls(new.cameras, new.zones) > 0
    and (tg_op = 'INSERT' or (new.cameras, new.zones) is distinct from (old.cameras, old.zones))
  then
    new := watchpost.check_watched(new);
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

comment on function watchpost.check_watchlist() is 'Refuses a list with a wrong threshold (WP030), validity (WP031) or one that has ended already (WP032); sets threshold, threshold_name, target_fpir and version; see check_watched() for the cameras and zones.';

create or replace trigger watchlist_check before insert or update on watchpost.watchlist
for each row execute function watchpost.check_watchlist();


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

comment on function watchpost.record_watchlist_changes is 'One watchlist.changed for each list that was created, changed or deleted.';

create or replace trigger watchlist_emit_insert after insert on watchpost.watchlist
referencing new table as new_rows
for each statement execute function watchpost.emit_changed('record_watchlist_changes');

create or replace trigger watchlist_emit_update after update on watchpost.watchlist
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_changed('record_watchlist_changes');

create or replace trigger watchlist_emit_delete after delete on watchpost.watchlist
referencing old table as old_rows
for each statement execute function watchpost.emit_changed('record_watchlist_changes');


create or replace function watchpost.lowest_threshold(person uuid) returns real
language sql stable
begin atomic
  select min(w.threshold)
  from watchpost.watchlist_entry as e
  join watchpost.active_watchlist as w on w.id = e.watchlist_id
  where e.person_id = lowest_threshold.person;
end;

comment on function watchpost.lowest_threshold(uuid) is 'The least similarity that matches a person on any active list; null: they are on none.';
