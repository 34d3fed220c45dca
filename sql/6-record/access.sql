-- The record of who looked at photos and faces, and who searched by photo.
--
-- emits access.recorded

-- For each row, so that partitions inherit it.
create or replace function watchpost.refuse_access_change() returns trigger
language plpgsql
as $$
begin
  -- Counting a reading again changes two columns, upwards.
  if tg_op = 'UPDATE' and new.times > old.times and new.last_at >= old.last_at then
    if to_jsonb(new) - '{times,last_at}'::text[] = to_jsonb(old) - '{times,last_at}'::text[] then
      return new;
    end if;
  end if;
  -- An erasure removes why somebody looked, which may be about the person, and nothing else.
  if tg_op = 'UPDATE' and new.reason is null and current_setting('watchpost.erasing', true) <> '' then
    if to_jsonb(new) - 'reason' = to_jsonb(old) - 'reason' then
      return new;
    end if;
  end if;
  raise exception 'watchpost.access is a record: its rows are never changed or deleted.'
    using errcode = 'WP020',
          hint = 'Old rows are removed by the partition: see the table watchpost.retention.';
end;
$$;

comment on function watchpost.refuse_access_change() is 'Refuses any change of a row of access (WP020) but counting a reading again, and the erasure of its reason.';

create or replace trigger access_append_only before update or delete on watchpost.access
for each row execute function watchpost.refuse_access_change();

create or replace trigger access_not_truncated before truncate on watchpost.access
for each statement execute function watchpost.refuse_change();

create or replace trigger access_not_truncated before truncate on watchpost_history.access_rest
for each statement execute function watchpost.refuse_change();


create or replace function watchpost.ids_of_person(person uuid) returns uuid[]
language sql stable
as $$
  with recursive merged as (
    select watchpost.survivor(ids_of_person.person) as id
    union
    select p.id from watchpost.person as p join merged as m on p.merged_into = m.id
  )
  select array_agg(m.id order by m.id) from merged as m
$$;

comment on function watchpost.ids_of_person(uuid) is 'The ids of a person and of everybody who was merged into them; of somebody who is forgotten, their id.';


create or replace function watchpost.people_concerned(kind text, id uuid) returns uuid[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(distinct watchpost.survivor(c.person_id)), '{}')
  from (
    select people_concerned.id as person_id
    where kind = 'person' and exists (select from watchpost.person as p where p.id = people_concerned.id)
    union all
    select m.person_id from watchpost.match as m
    where kind = 'image' and m.image_id = people_concerned.id and m.superseded_at is null
    union all
    select p.person_id from watchpost.person_photo as p
    where kind = 'image' and p.image_id = people_concerned.id
    union all
    select m.person_id from watchpost.match as m
    where kind = 'face' and m.face_id = people_concerned.id and m.superseded_at is null
    union all
    select r.person_id
    from watchpost.embedding as e
    join watchpost.reference as r on r.embedding_id = e.id
    where kind = 'face' and e.face_id = people_concerned.id
    union all
    select a.person_id from watchpost.alert as a
    where kind = 'alert' and a.id = people_concerned.id
    union all
    select s.person_id from watchpost.stranger as s
    where kind = 'stranger' and s.id = people_concerned.id and s.person_id is not null
  ) as c
$$;

comment on function watchpost.people_concerned is 'Whose photo, face or alert it is, or who was found in it. kind: image, face, person, stranger or alert.';


-- As the functions of sql/1-base/visible-rows.sql. A row that names somebody who is not shown is not shown: it would tell that
-- they exist.
create or replace function watchpost.shows_access(
  scope watchpost.scope, kind text, id uuid, persons uuid[]
) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return case kind
    when 'image' then watchpost.shows_image(scope, id)
    when 'face' then watchpost.shows_face(scope, id)
    when 'person' then watchpost.shows_person(scope, id)
    when 'alert' then watchpost.shows_alert(scope, id)
    when 'camera' then watchpost.shows_camera(scope, id)
    when 'watchlist' then watchpost.shows_watchlist(scope, id)
    else kind is null and cardinality(persons) > 0
  end and not exists (select from unnest(persons) as p (id) where not watchpost.shows_person(scope, p.id));
end;
$$;

comment on function watchpost.shows_access is 'Whether an access is within a scope: what was looked at is, and everybody whom it concerned.';


create or replace function watchpost.record_access(
  action text, kind text default null, id uuid default null, reason text default null, details jsonb default '{}',
  persons uuid[] default null
) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  who constant text := watchpost.actor();
  why constant text := nullif(btrim(record_access.reason), '');
  counted uuid;
begin
  -- A page with twenty crops that is opened again and again. Two readings at the same moment may make two rows.
  if action in ('photo', 'crop') then
    update watchpost.access as a
    set times = a.times + 1, last_at = clock_timestamp()
    where a.id = (
      select b.id
      from watchpost.access as b
      where b.id >= watchpost.uuidv7_at(clock_timestamp() - interval '1 day')
        and b.subject_id = record_access.id
        and b.subject_kind = record_access.kind
        and b.actor = who
        and b.action = record_access.action
        and b.reason is not distinct from why
        and b.last_at > clock_timestamp() - interval '1 minute'
      order by b.id desc
      limit 1
    )
    returning a.id into counted;
    if found then
      return counted;
    end if;
  end if;
  insert into watchpost.access as n (actor, action, subject_kind, subject_id, person_ids, reason, request_id, details)
  values (
    who, record_access.action, record_access.kind, record_access.id,
    coalesce(record_access.persons, watchpost.people_concerned(record_access.kind, record_access.id)),
    why, nullif(current_setting('watchpost.request_id', true), ''), coalesce(record_access.details, '{}')
  )
  returning n.id into counted;
  return counted;
end;
$$;

comment on function watchpost.record_access is 'Records that the caller (actor()) looks at something, before they see it; returns the row''s id. action and kind: see the table access. reason: why they look. persons: everybody whom it concerns; null: whose it is, or who was found in it. The Request-Id of the call is that of the setting watchpost.request_id.';


-- Sealed with the events, so that a row that is altered or deleted by hand is missed. Without the reason and the details,
-- which are gone when the row is.
create or replace function watchpost.emit_access_recorded() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, payload, tasks)
  select
    'access.recorded', n.id,
    jsonb_build_object(
      'access_id', n.id, 'action', n.action, 'kind', n.subject_kind, 'id', n.subject_id, 'by', n.actor
    ),
    s.tasks
  from new_rows as n
  cross join (select watchpost.subscribers('access.recorded') as tasks) as s;
  return null;
end;
$$;

comment on function watchpost.emit_access_recorded() is 'One access.recorded for each row of access: who looked at what.';

create or replace trigger access_emit_recorded after insert on watchpost.access
referencing new table as new_rows
for each statement execute function watchpost.emit_access_recorded();
