-- The rules of the table retention: changing them, and the one that applies to a row.
--
-- emits retention.changed, processing.changed

create or replace function watchpost.rule_of(relation text, camera uuid default null) returns watchpost.retention
language sql stable
as $$
  select r.*
  from watchpost.retention as r
  where r.relation = rule_of.relation and (r.camera_id = rule_of.camera or r.camera_id is null)
  order by r.camera_id nulls last
  limit 1
$$;

comment on function watchpost.rule_of is 'The rule for rows of a kind, or for those of a camera that has a rule of its own.';


-- The general rules, and the default of legal basis and purpose, are of all sites.
create or replace function watchpost.assert_sees_all() returns void
language plpgsql stable
as $$
begin
  if not watchpost.sees_all() then
    raise exception 'This rule is of all sites, and whoever acts does not see all of them.'
      using errcode = 'WP151', hint = 'A camera can have a rule of its own; the others are for a key without sites: see docs/sites.md.';
  end if;
end;
$$;

comment on function watchpost.assert_sees_all() is 'Refuses whoever does not see all sites (WP151).';


-- For the API, which may not update the table.
create or replace function watchpost.set_retention(
  relation text, action text default null, age interval default null, purpose text default null, camera uuid default null
) returns watchpost.retention
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  general constant watchpost.retention := watchpost.rule_of(relation);
  changed watchpost.retention;
begin
  if general.id is null then
    raise exception 'Nothing is kept by the name of %.', quote_literal(relation)
      using errcode = 'WP150', hint = 'There are event, search, access, image, face, stranger and person.';
  end if;
  if camera is null then
    perform watchpost.assert_sees_all();
  elsif not exists (select from watchpost.camera as c where c.id = camera)
    or not (watchpost.sees_all() or watchpost.shows_camera(watchpost.my_scope(), camera))
  then
    raise exception 'There is no camera %.', camera using errcode = 'WP002';
  end if;
  insert into watchpost.retention as r (relation, camera_id, action, age, purpose, width)
  values (
    set_retention.relation, camera, coalesce(set_retention.action, general.action), coalesce(set_retention.age, general.age),
    coalesce(set_retention.purpose, general.purpose), general.width
  )
  on conflict on constraint retention_once do update
  set action = coalesce(set_retention.action, r.action),
      age = coalesce(set_retention.age, r.age),
      purpose = coalesce(set_retention.purpose, r.purpose)
  returning r.* into changed;
  return changed;
exception
  when check_violation or numeric_value_out_of_range or datetime_field_overflow then
    raise exception 'There cannot be such a rule for %: action %, age %.', relation, coalesce(action, general.action), coalesce(age, general.age)
      using errcode = 'WP150',
            hint = case
              when relation in ('event', 'search', 'access') then 'action is keep, detach or drop, for no single camera'
              when relation = 'stranger' then 'action is delete, for no single camera'
              when relation = 'person' then 'action is review or delete, for no single camera'
              else 'action is keep or delete'
            end || '; age is between 0 and 1000 years, and a purpose has 1 to 2000 characters.';
end;
$$;

comment on function watchpost.set_retention is 'Changes the rule for rows of a kind, or gives a camera a rule of its own; what is not given stays, for a new rule as the general one has it. An impossible rule is an error (WP150).';


create or replace function watchpost.drop_camera_rule(relation text, camera uuid) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if not (watchpost.sees_all() or watchpost.shows_camera(watchpost.my_scope(), camera)) then
    return false;
  end if;
  delete from watchpost.retention as r where r.relation = drop_camera_rule.relation and r.camera_id = camera;
  return found;
end;
$$;

comment on function watchpost.drop_camera_rule is 'Takes the rule of a single camera back: the general one applies again. Returns whether there was one.';


create or replace function watchpost.keep_general_rule() returns trigger
language plpgsql
as $$
begin
  raise exception 'The rule for % cannot be deleted: set its action to keep.', old.relation using errcode = 'WP150';
end;
$$;

comment on function watchpost.keep_general_rule() is 'Refuses to delete a rule that is not of a single camera (WP150).';

create or replace trigger retention_keep_general before delete on watchpost.retention
for each row when (old.camera_id is null)
execute function watchpost.keep_general_rule();


create or replace function watchpost.emit_retention_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  rule constant watchpost.retention := coalesce(new, old);
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'retention.changed', rule.id,
    jsonb_build_object('relation', rule.relation, 'camera_id', rule.camera_id, 'by', watchpost.actor())
      || watchpost.changed_columns(to_jsonb(old) - '{id,reached}'::text[], to_jsonb(new) - '{id,reached}'::text[]),
    watchpost.subscribers('retention.changed')
  );
  return null;
end;
$$;

comment on function watchpost.emit_retention_changed() is 'One retention.changed for each rule that was changed, added or deleted: by whom, and the old and new values.';

create or replace trigger retention_emit_update after update on watchpost.retention
for each row
when (
  (old.action, old.age, old.purpose, old.width, old.camera_id)
  is distinct from (new.action, new.age, new.purpose, new.width, new.camera_id)
)
execute function watchpost.emit_retention_changed();

create or replace trigger retention_emit_others after insert or delete on watchpost.retention
for each row execute function watchpost.emit_retention_changed();


create or replace function watchpost.set_processing_default(
  legal_basis text default null, purpose text default null
) returns watchpost.processing_default
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  changed watchpost.processing_default;
begin
  perform watchpost.assert_sees_all();
  update watchpost.processing_default as d
  set legal_basis = coalesce(set_processing_default.legal_basis, d.legal_basis),
      purpose = coalesce(set_processing_default.purpose, d.purpose)
  returning d.* into changed;
  return changed;
end;
$$;

comment on function watchpost.set_processing_default is 'Changes the legal basis of people and the purpose of lists that are added without one; what is not given stays.';


create or replace function watchpost.emit_processing_changed() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  values (
    'processing.changed', new.id,
    jsonb_build_object('by', watchpost.actor()) || watchpost.changed_columns(to_jsonb(old), to_jsonb(new)),
    watchpost.subscribers('processing.changed')
  );
  return null;
end;
$$;

comment on function watchpost.emit_processing_changed() is 'One processing.changed for each change of the default legal basis and purpose.';

create or replace trigger processing_default_emit after update on watchpost.processing_default
for each row when (old.* is distinct from new.*)
execute function watchpost.emit_processing_changed();


create or replace function watchpost.in_words(span interval) returns text
language sql immutable
return case
  when extract(year from span) = 0 and extract(month from span) = 0 and extract(day from span) = 0
    and extract(hour from span) * 3600 = extract(epoch from span)
  then extract(hour from span)::text || ' hours'
  else span::text
end;

comment on function watchpost.in_words(interval) is 'A time span as it is said: 48 hours, 30 days.';
