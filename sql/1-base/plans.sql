-- Plans: what the record says of a change.
--
-- emits plan.changed

create or replace function watchpost.emit_plan_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  -- The hash of the picture and not the picture, which would be there for ever.
  was jsonb := case
    when tg_op <> 'INSERT' then
      jsonb_build_object('name', old.name, 'width', old.width, 'height', old.height, 'image_sha256', encode(sha256(old.image), 'hex'))
  end;
  becomes jsonb := case
    when tg_op <> 'DELETE' then
      jsonb_build_object('name', new.name, 'width', new.width, 'height', new.height, 'image_sha256', encode(sha256(new.image), 'hex'))
  end;
  of_plan constant uuid := case when tg_op = 'DELETE' then old.id else new.id end;
begin
  if was is distinct from becomes then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    values (
      'plan.changed', of_plan,
      jsonb_build_object(
        'plan_id', of_plan,
        'name', coalesce(becomes, was) -> 'name',
        'change', case tg_op when 'INSERT' then 'created' when 'DELETE' then 'deleted' else 'updated' end,
        'by', watchpost.actor()
      ) || watchpost.changed_columns(was, becomes),
      watchpost.subscribers('plan.changed')
    );
  end if;
  return null;
end;
$$;

comment on function watchpost.emit_plan_changed() is 'One plan.changed for each plan that was created, changed or deleted: by whom, and the old and new values, with the hash of the picture.';

create or replace trigger plan_emit after insert or update or delete on watchpost.plan
for each row execute function watchpost.emit_plan_changed();
