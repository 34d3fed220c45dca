-- Describing: an estimate of age and gender, off until somebody switches it on.
--
-- consumes face.detected, description.requested · writes demography · emits nothing

-- A face may be superseded meanwhile; and it may be requested twice, by face.detected and by description.requested.
create or replace function watchpost.write_demography(
  passed uuid[],
  model  text, model_role text, model_sha256 text, model_licence text,
  events uuid[], faces uuid[], ages real[], males real[]
) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  written integer;
begin
  if not exists (select from watchpost.model as m where m.id = model and m.sha256 = model_sha256) then
    perform watchpost.register_model(model, model_role, model_sha256, null, model_licence);
  end if;
  insert into watchpost.demography (face_id, model_id, age, male, superseded_at)
  select f.id, model, d.age, d.male, f.superseded_at
  from unnest(events, faces, ages, males) as d (event_id, face_id, age, male)
  join watchpost.face as f on f.id = d.face_id
  where d.event_id = any (passed)
  on conflict (face_id, model_id) where superseded_at is null do nothing;
  get diagnostics written = row_count;
  return written;
end;
$$;

comment on function watchpost.write_demography is 'describe: age and gender of each face, and the model that estimated them.';


create or replace function watchpost.supersede_demography() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update watchpost.demography as d
  set superseded_at = f.superseded_at
  from new_rows as f
  where d.face_id = f.id and d.superseded_at is null and f.superseded_at is not null;
  return null;
end;
$$;

comment on function watchpost.supersede_demography() is 'Supersedes the demography of faces that are superseded.';

create or replace trigger face_supersede_demography after update on watchpost.face
referencing new table as new_rows
for each statement execute function watchpost.supersede_demography();


-- Newest first, because recent faces are queried most. A million faces are a million events, so a caller asks in
-- batches to keep transactions short.
create or replace function watchpost.describe_past(
  before uuid default null, most integer default null, out requested integer, out without_photo integer, out last uuid
)
language plpgsql
as $$
begin
  if not 'describe' = any (watchpost.subscribers('description.requested')) then
    raise exception 'Age and gender are not estimated here.'
      using errcode = 'WP066', hint = 'Switch it on first: select watchpost.switch_task(''describe'', true, ''why and on whose word'').';
  end if;

  with newest as materialized (
    select f.id, f.image_id
    from watchpost.face as f
    where f.superseded_at is null and (before is null or f.id < before)
    order by f.id desc
    limit most
  ),
  wanting as materialized (
    select l.id, l.image_id, i.bytes is not null as has_photo
    from newest as l
    join watchpost.image as i on i.id = l.image_id
    where not exists (select from watchpost.demography as d where d.face_id = l.id and d.superseded_at is null)
      -- Not requested already: then it is on its way, or a dead letter.
      and not exists (
        select
        from watchpost.event as e
        where e.subject_id = l.id
          and e.topic in ('face.detected', 'description.requested')
          and 'describe' = any (e.tasks)
          and not exists (
            select from watchpost.handling as h where h.event_id = e.id and h.task = 'describe' and h.outcome = 'done'
          )
      )
  ),
  asked as (
    insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
    select
      'description.requested', w.id, w.image_id,
      jsonb_build_object('image_id', w.image_id, 'face_id', w.id, 'by', watchpost.actor()), s.tasks
    from wanting as w
    cross join (select watchpost.subscribers('description.requested') as tasks) as s
    where w.has_photo
    order by w.id desc
  )
  select
    count(*) filter (where w.has_photo), count(*) filter (where not w.has_photo),
    -- Postgres 17 has no min(uuid).
    (select l.id from newest as l order by l.id limit 1)
  into requested, without_photo, last
  from wanting as w;
end;
$$;

comment on function watchpost.describe_past is 'Requests age and gender for faces that were found before the task was switched on (WP066 if it is off), newest first, at most most faces before a face. Returns for how many, of how many the photo is gone, and the last face, with which to call it again.';
