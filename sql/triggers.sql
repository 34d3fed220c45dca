-- How rows become events. Each table of the pipeline has one statement-level AFTER INSERT trigger, which writes one
-- event for each new row; the table event has one, which writes the outbox. Never a per-row trigger that adds a job
-- (10,000 rows: 6.8 s, against 0.16 s), and no NOTIFY here: it takes a lock of the whole database at commit
-- (16 clients inserting single rows: 2,050 rows/s with it, 19,900 without).
--
-- Every trigger function runs with its owner's rights: whoever may insert a row may cause its event, and nothing else.

-- image: the bytes go to their own table ------------------------------------------------------------------------------

-- Planned once a session, maybe while the table is empty: a plan that reads all of it would be kept for every row of a
-- statement that fills it (the first 5,000 photos of a new database: 12 s of which 3 of CPU; 1.9 s and 0.4 without).
create or replace function watchpost.store_image_bytes() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
begin
  if new.bytes is null or octet_length(new.bytes) = 0 then
    raise exception 'The photo is empty.'
      using errcode = 'WP001', hint = 'Put the bytes of a JPEG, PNG or WebP file into image.bytes.';
  end if;
  new.sha256 := sha256(new.bytes);
  new.byte_length := octet_length(new.bytes);
  -- A row that ON CONFLICT will not insert must leave no bytes, nor bring back those that were dropped. Of two
  -- transactions that insert one idempotency key at the same moment, the second fails at commit, on the foreign key.
  insert into watchpost.image_bytes (image_id, bytes)
  select new.id, new.bytes
  where not exists (select from watchpost.image as i where i.id = new.id)
    and not exists (
      select
      from watchpost.image as i
      where i.submitted_by = new.submitted_by and i.idempotency_key = new.idempotency_key
    )
  on conflict do nothing;
  new.bytes := null;
  return new;
end;
$$;

comment on function watchpost.store_image_bytes() is 'Moves image.bytes to image_bytes and notes their size and hash; an empty photo is an error (WP001).';

create or replace trigger image_store_bytes before insert on watchpost.image
for each row execute function watchpost.store_image_bytes();

-- event -> outbox -----------------------------------------------------------------------------------------------------

-- In plpgsql, whose plan a session keeps: as an SQL function it was parsed and planned for every statement that writes an
-- event (a single-row INSERT: 540 us, so 425).
create or replace function watchpost.subscribers(of_topic text) returns text[]
language plpgsql stable
as $$
begin
  return (
    select coalesce(array_agg(s.task order by s.task), '{}')
    from watchpost.subscription as s
    where s.topic = of_topic and s.enabled
  );
end;
$$;

comment on function watchpost.subscribers(text) is 'The tasks that consume a topic now.';

create or replace function watchpost.fill_outbox() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.outbox (event_id, task, topic, image_id, payload)
  select e.id, task, e.topic, e.image_id, e.payload || jsonb_build_object('event_id', e.id)
  from new_rows as e
  cross join unnest(e.tasks) as task;
  return null;
end;
$$;

comment on function watchpost.fill_outbox() is 'One outbox row for each new event and each of its tasks.';

create or replace trigger event_fill_outbox after insert on watchpost.event
referencing new table as new_rows
for each statement execute function watchpost.fill_outbox();

-- rows -> events ------------------------------------------------------------------------------------------------------

-- The offset keeps the look at the subscriptions from being made for each row (20,000 photos: 1.2 s, and 0.9 without).

create or replace function watchpost.emit_image_received() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select 'image.received', i.id, i.id, jsonb_build_object('image_id', i.id), s.tasks
  from new_rows as i
  cross join (select watchpost.subscribers('image.received') as tasks offset 0) as s
  where i.purpose = 'probe';
  return null;
end;
$$;

comment on function watchpost.emit_image_received() is 'One image.received for each new probe.';

create or replace trigger image_emit after insert on watchpost.image
referencing new table as new_rows
for each statement execute function watchpost.emit_image_received();


create or replace function watchpost.emit_face_detected() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'face.detected', f.id, f.image_id,
    jsonb_build_object('image_id', f.image_id, 'face_id', f.id), s.tasks
  from new_rows as f
  cross join (select watchpost.subscribers('face.detected') as tasks offset 0) as s;
  return null;
end;
$$;

comment on function watchpost.emit_face_detected() is 'One face.detected for each new face.';

create or replace trigger face_emit after insert on watchpost.face
referencing new table as new_rows
for each statement execute function watchpost.emit_face_detected();


-- A probe's embedding is to be matched; of a photo that enrols people, the chosen faces' are to be enrolled, and the
-- others in it are nobody's business. A face of a probe that was made somebody's photo is both.
create or replace function watchpost.emit_embedded() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'face.embedded', e.id, f.image_id,
    jsonb_build_object('image_id', f.image_id, 'face_id', f.id, 'embedding_id', e.id), s.tasks
  from new_rows as e
  join watchpost.face as f on f.id = e.face_id
  join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
  cross join (select watchpost.subscribers('face.embedded') as tasks offset 0) as s;

  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'photo.embedded', e.id, f.image_id,
    jsonb_build_object(
      'image_id', f.image_id, 'person_photo_id', p.id, 'face_id', f.id, 'embedding_id', e.id
    ), s.tasks
  from new_rows as e
  join watchpost.face as f on f.id = e.face_id
  join watchpost.person_photo as p
    on p.image_id = f.image_id and f.ordinal = coalesce(p.chosen_face, 1) and p.removed_at is null
  cross join (select watchpost.subscribers('photo.embedded') as tasks offset 0) as s;
  return null;
end;
$$;

comment on function watchpost.emit_embedded() is 'One face.embedded for each new embedding of a probe, one photo.embedded for each person that it is to enrol.';

create or replace trigger embedding_emit after insert on watchpost.embedding
referencing new table as new_rows
for each statement execute function watchpost.emit_embedded();


create or replace function watchpost.emit_match_found() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'match.found', m.id, m.image_id,
    jsonb_build_object('image_id', m.image_id, 'face_id', m.face_id, 'match_id', m.id), s.tasks
  from new_rows as m
  cross join (select watchpost.subscribers('match.found') as tasks offset 0) as s;
  return null;
end;
$$;

comment on function watchpost.emit_match_found() is 'One match.found for each new match.';

create or replace trigger match_emit after insert on watchpost.match
referencing new table as new_rows
for each statement execute function watchpost.emit_match_found();


create or replace function watchpost.emit_alert_raised() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'alert.raised', a.id, m.image_id,
    jsonb_build_object(
      'image_id', m.image_id, 'alert_id', a.id, 'person_id', a.person_id, 'watchlist_id', a.watchlist_id,
      'retroactive', a.retroactive
    ),
    s.tasks
  from new_rows as a
  join watchpost.match as m on m.id = a.best_match_id
  cross join (select watchpost.subscribers('alert.raised') as tasks offset 0) as s;
  return null;
end;
$$;

comment on function watchpost.emit_alert_raised() is 'One alert.raised for each new alert; an alert that is extended makes none.';

create or replace trigger alert_emit after insert on watchpost.alert
referencing new table as new_rows
for each statement execute function watchpost.emit_alert_raised();
