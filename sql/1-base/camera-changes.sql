-- What follows from a change of a camera, by whichever client: the event, and the place from then on.
--
-- emits camera.changed

create or replace function watchpost.emit_camera_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  changes jsonb;
begin
  if tg_op = 'INSERT' then
    changes := (select jsonb_agg(jsonb_build_object('was', null, 'becomes', to_jsonb(n))) from new_rows as n);
  elsif tg_op = 'DELETE' then
    changes := (select jsonb_agg(jsonb_build_object('was', to_jsonb(o), 'becomes', null)) from old_rows as o);
  else
    changes := (
      select jsonb_agg(jsonb_build_object('was', to_jsonb(o), 'becomes', to_jsonb(n)))
      from old_rows as o
      join new_rows as n using (id)
      where to_jsonb(o) <> to_jsonb(n)
    );
  end if;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'camera.changed', (e.camera ->> 'id')::uuid,
    jsonb_build_object(
      'camera_id', e.camera -> 'id',
      'name', e.camera -> 'name',
      'change', case
        when e.was is null then 'created'
        when e.becomes is null then 'deleted'
        when e.was ->> 'removed_at' is null and e.becomes ->> 'removed_at' is not null then 'removed'
        else 'updated'
      end,
      'by', watchpost.actor()
    ) || watchpost.changed_columns(e.was, e.becomes),
    s.tasks
  from (
    select
      nullif(c.value -> 'was', 'null') as was,
      nullif(c.value -> 'becomes', 'null') as becomes,
      coalesce(nullif(c.value -> 'becomes', 'null'), c.value -> 'was') as camera
    from jsonb_array_elements(coalesce(changes, '[]')) as c
  ) as e
  cross join (select watchpost.subscribers('camera.changed') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_camera_changed() is 'One camera.changed for each camera that was created, changed, removed or deleted: by whom, and the old and new values.';

create or replace trigger camera_emit_insert after insert on watchpost.camera
referencing new table as new_rows
for each statement execute function watchpost.emit_camera_changed();

create or replace trigger camera_emit_update after update on watchpost.camera
referencing old table as old_rows new table as new_rows
for each statement execute function watchpost.emit_camera_changed();

create or replace trigger camera_emit_delete after delete on watchpost.camera
referencing old table as old_rows
for each statement execute function watchpost.emit_camera_changed();


-- By the clock and not by now(): of two transactions that change one camera the second waits for the first, and may have
-- begun before it. Never before the place that it ends, should the clock have been set back.
create or replace function watchpost.keep_camera_place() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- Null before a camera's first place, and at its beginning.
  begun timestamptz := (
    select lower(p.during) from watchpost.camera_place as p where p.camera_id = new.id and upper_inf(p.during)
  );
  moved_at timestamptz := greatest(clock_timestamp(), begun);
begin
  if tg_op = 'UPDATE' and moved_at is distinct from begun then
    update watchpost.camera_place as p
    set during = tstzrange(begun, moved_at)
    where p.camera_id = new.id and upper_inf(p.during);
  end if;
  insert into watchpost.camera_place as p (camera_id, during, name, location, zone)
  values (
    new.id, tstzrange(case when tg_op = 'UPDATE' then moved_at end, null), new.name, new.location, new.zone
  )
  -- Two changes at one tick of the clock.
  on conflict (camera_id, during) do update
  set name = excluded.name, location = excluded.location, zone = excluded.zone;
  return null;
end;
$$;

comment on function watchpost.keep_camera_place() is 'Ends the place that a camera had, and begins the one that it has now.';

create or replace trigger camera_place_insert after insert on watchpost.camera
for each row execute function watchpost.keep_camera_place();

create or replace trigger camera_place_update after update on watchpost.camera
for each row when ((old.name, old.location, old.zone) is distinct from (new.name, new.location, new.zone))
execute function watchpost.keep_camera_place();


create or replace function watchpost.keep_used_camera() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  list text := (select w.name from watchpost.watchlist as w where old.id = any (w.cameras) order by w.name limit 1);
begin
  -- Without the camera the list would be compared with other photos than before.
  if list is not null then
    raise exception 'The camera % is one of those that the list % is for.', quote_literal(old.name), quote_literal(list)
      using errcode = 'WP010', hint = 'Take it off the list first.';
  end if;
  if exists (select from watchpost.image as i where i.camera_id = old.id)
    or exists (select from watchpost.alert as a where a.camera_id = old.id)
  then
    raise exception 'The camera % has taken photos, which its row is needed for.', quote_literal(old.name)
      using errcode = 'WP010', hint = format('Remove it instead: select watchpost.remove_camera(%L).', old.id);
  end if;
  return old;
end;
$$;

comment on function watchpost.keep_used_camera() is 'Refuses to delete the row of a camera that has taken photos, or that a list is for (WP010); remove_camera() takes it out of use.';

create or replace trigger camera_keep_used before delete on watchpost.camera
for each row execute function watchpost.keep_used_camera();
