-- Switching the grouping of strangers on and off.

create or replace function watchpost.stranger_age() returns interval
language sql stable
as $$ select r.age from watchpost.retention as r where r.relation = 'stranger' $$;

comment on function watchpost.stranger_age() is 'How long faces of strangers are kept, since they were seen: the rule stranger of the table retention.';


create or replace function watchpost.emit_strangers_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  -- With another similarity or min_faces the groups are others.
  if (new.similarity, new.min_faces) is distinct from (old.similarity, old.min_faces) then
    delete from watchpost.stranger_face;
    delete from watchpost.stranger as s where s.person_id is null;
    update watchpost.stranger_setting as u set upto = null;
  end if;
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'strangers.changed', new.id,
    to_jsonb(new) - '{one,id,upto}'::text[] || jsonb_build_object('by', watchpost.actor()),
    watchpost.subscribers('strangers.changed')
  );
  return null;
end;
$$;

comment on function watchpost.emit_strangers_changed() is 'One strangers.changed for each change of how faces that match nobody are grouped; another similarity or min_faces starts the grouping again.';

create or replace trigger stranger_setting_emit
after update of enabled, similarity, min_faces, visit_gap on watchpost.stranger_setting
for each row
when (
  (old.enabled, old.similarity, old.min_faces, old.visit_gap)
  is distinct from (new.enabled, new.similarity, new.min_faces, new.visit_gap)
)
execute function watchpost.emit_strangers_changed();


create or replace function watchpost.enable_strangers(
  similarity real     default null,
  min_faces  integer  default null,
  retention  interval default null,
  visit_gap  interval default null
) returns void
language plpgsql
as $$
begin
  update watchpost.stranger_setting as u
  set enabled = true,
      similarity = coalesce(enable_strangers.similarity, u.similarity),
      min_faces = coalesce(enable_strangers.min_faces, u.min_faces),
      visit_gap = coalesce(enable_strangers.visit_gap, u.visit_gap),
      upto = case when u.enabled and enable_strangers.retention is null then u.upto end;
  perform watchpost.set_retention('stranger', 'delete', enable_strangers.retention);
exception
  when check_violation or numeric_value_out_of_range or sqlstate 'WP150' then
    raise exception 'Strangers cannot be grouped with these settings: similarity %, min_faces %, retention %, visit_gap %.',
      similarity, min_faces, retention, visit_gap
      using errcode = 'WP063',
            hint = 'similarity lies between 0 and 1, min_faces between 2 and 100, retention is above 0, and goes up to 1000 years, and no time is negative.';
end;
$$;

comment on function watchpost.enable_strangers is 'Groups faces that match nobody from now on, and those already stored that are not older than retention. What is not given stays as it is; an impossible value is an error (WP063).';


create or replace function watchpost.disable_strangers(forget boolean default false) returns void
language plpgsql
as $$
declare
  setting uuid;
  strangers bigint;
  faces bigint;
begin
  update watchpost.stranger_setting as u set enabled = false returning u.id into setting;
  if not forget then
    return;
  end if;
  faces := watchpost.forget_strangers('infinity');
  delete from watchpost.stranger as s where s.person_id is null;
  get diagnostics strangers = row_count;
  perform watchpost.emit_strangers_forgotten(setting, faces, strangers);
end;
$$;

comment on function watchpost.disable_strangers is 'Stops grouping. Groups are deleted by their retention, or at once with forget.';


create or replace function watchpost.emit_strangers_forgotten(setting uuid, faces bigint, strangers bigint) returns void
language sql
begin atomic
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'strangers.forgotten', setting,
    jsonb_build_object('faces', faces, 'strangers', strangers, 'by', watchpost.actor()),
    watchpost.subscribers('strangers.forgotten')
  );
end;

comment on function watchpost.emit_strangers_forgotten is 'One strangers.forgotten for faces that were deleted from stranger_face because of their age, or by a DELETE.';
