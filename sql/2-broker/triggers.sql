-- How rows become events. Each table of the pipeline has one statement-level AFTER INSERT trigger, which writes one
-- event for each new row; the table event has one, which writes the outbox. Never a per-row trigger that adds a job
-- (10,000 rows: 6.8 s, against 0.16 s), and no NOTIFY here: it takes a lock of the whole database at commit
-- (16 clients inserting single rows: 2,050 rows/s with it, 19,900 without).
--
-- What writes an event runs with its owner's rights: whoever may insert a row may cause its event, and nothing else.

-- image: size and hash ------------------------------------------------------------------------------------------------

-- Limits of a row that are not constraints, because those are planned again for each statement: see migrations/0001_base.sql.
-- A day covers every clock that is set to a wrong zone. What was right when it came is right for ever.
create or replace function watchpost.refuse_image(image watchpost.image) returns void
language plpgsql
as $$
begin
  if coalesce(image.byte_length, 0) = 0 then
    raise exception 'The photo is empty.'
      using errcode = 'WP001', hint = 'Put the bytes of a JPEG, PNG or WebP file into image.bytes.';
  elsif image.byte_length > 104857600 then
    raise exception 'A photo may have 100 MB here.' using errcode = 'WP070';
  elsif least(image.captured_at, image.received_at) < '1826-01-01T00:00:00Z' then
    raise exception 'captured_at: give a time since 1826-01-01T00:00:00Z.' using errcode = 'WP071';
  elsif image.captured_at > clock_timestamp() + interval '24 hours' then
    raise exception 'captured_at: give a time that is not in the future.' using errcode = 'WP071';
  elsif image.received_at > clock_timestamp() + interval '24 hours' then
    raise exception 'received_at: give a time that is not in the future.' using errcode = 'WP071';
  elsif not watchpost.is_token(image.submitted_by) then
    raise exception 'submitted_by: give 1 to 255 characters without control characters.' using errcode = 'WP072';
  elsif not watchpost.is_token(image.idempotency_key) then
    raise exception 'idempotency_key: give 1 to 255 characters without control characters.' using errcode = 'WP072';
  end if;
end;
$$;

comment on function watchpost.refuse_image is 'Tells what is wrong with a row of image: no photo (WP001), too large (WP070), a time out of range (WP071), a submitter or key that is none (WP072). A row with nothing wrong passes.';


-- With the rights of whoever inserts and no settings of its own: it touches nothing but the row.
create or replace function watchpost.measure_image_bytes() returns trigger
language plpgsql
as $$
begin
  new.byte_length := pg_catalog.octet_length(new.bytes);
  if new.byte_length between 1 and 104857600
    and least(new.captured_at, new.received_at) >= '1826-01-01T00:00:00Z'
    and greatest(new.captured_at, new.received_at) <= pg_catalog.clock_timestamp() + interval '24 hours'
    and (new.submitted_by = session_user or watchpost.is_token(new.submitted_by))
    and (new.idempotency_key is null or watchpost.is_token(new.idempotency_key))
  then
    new.sha256 := pg_catalog.sha256(new.bytes);
  else
    perform watchpost.refuse_image(new);
  end if;
  return new;
end;
$$;

comment on function watchpost.measure_image_bytes() is 'Notes size and hash of image.bytes, and refuses a row that is beyond the limits; see refuse_image.';

create or replace trigger image_measure_bytes before insert on watchpost.image
for each row execute function watchpost.measure_image_bytes();


create or replace function watchpost.check_image() returns trigger
language plpgsql
as $$
begin
  perform watchpost.refuse_image(new);
  return new;
end;
$$;

comment on function watchpost.check_image() is 'Refuses changes of a row that put it beyond the limits; see refuse_image.';

create or replace trigger image_check before update of captured_at, received_at, submitted_by, idempotency_key on watchpost.image
for each row execute function watchpost.check_image();


create or replace function watchpost.keep_image_bytes() returns trigger
language plpgsql
as $$
begin
  raise exception 'A photo is never changed.'
    using errcode = 'WP008', hint = 'Drop it with bytes = null; insert a new row for another photo.';
end;
$$;

comment on function watchpost.keep_image_bytes() is 'Refuses another photo in place of the one that was handed in, also when that was dropped (WP008).';

-- The look for null comes first: to drop a photo it need not be read.
create or replace trigger image_keep_bytes before update of bytes on watchpost.image
for each row when (new.bytes is not null and new.bytes is distinct from old.bytes)
execute function watchpost.keep_image_bytes();

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

-- unnest() in the list of what is selected: as a join it kept a store of its own for each event (a single-row INSERT: 5 us
-- of 74).
--
-- A process of ours may ask, by the setting watchpost.hand_over, for more than outbox rows of what it writes:
--
--   on            its events become jobs in the transaction that writes them. It asks seldom: of the NOTIFY all that commit
--                 at that moment wait for each other.
--   a JSON object {"pool", "key", "tasks"}: what falls to these tasks and is urgent (a priority below 0) is a job that this
--                 pool of the process has locked already, and finds by its key (take_up). So whoever has found a face
--                 goes on with it: nothing is relayed, nobody is woken, no job is looked for. What is more than four
--                 batches is left to the relay, as it is work for several.
create or replace function watchpost.fill_outbox() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  asked text := nullif(current_setting('watchpost.hand_over', true), '');
  own tid[];
  taker jsonb;
begin
  if asked is null or asked = 'off' then
    insert into watchpost.outbox (event_id, task, topic, image_id, payload)
    select e.id, unnest(e.tasks), e.topic, e.image_id, e.payload
    from new_rows as e;

  elsif asked = 'on' then
    with written as (
      insert into watchpost.outbox (event_id, task, topic, image_id, payload)
      select e.id, unnest(e.tasks), e.topic, e.image_id, e.payload
      from new_rows as e
      returning ctid
    )
    select array_agg(w.ctid) into own from written as w;
    if own is not null then
      perform watchpost.hand_over(own);
    end if;

  else
    taker := asked::jsonb;
    with due as materialized (
      select e.id, unnest(e.tasks) as task, e.topic, e.image_id, e.payload
      from new_rows as e
    ),
    taken as (
      insert into graphile_worker._private_jobs
        (task_id, payload, priority, max_attempts, key, flags, attempts, locked_at, locked_by)
      select
        k.id, json_agg(watchpost.job_item(d.id, d.payload) order by d.id), min(s.priority), min(s.max_attempts),
        (taker ->> 'key') || d.task, jsonb_build_object(d.task, true), 1, now(), taker ->> 'pool'
      from due as d
      join watchpost.subscription as s
        on s.topic = d.topic and s.task = d.task and s.queue_by is null and s.priority < 0
      join graphile_worker._private_tasks as k on k.identifier = d.task
      where taker -> 'tasks' ? d.task
      group by d.task, k.id
      having count(*) <= 4 * min(s.batch_size)
      on conflict (key) do nothing
      returning key
    )
    insert into watchpost.outbox (event_id, task, topic, image_id, payload)
    select d.id, d.task, d.topic, d.image_id, d.payload
    from due as d
    where not exists (select from taken as t where t.key = (taker ->> 'key') || d.task);
  end if;
  return null;
end;
$$;

comment on function watchpost.fill_outbox() is 'One outbox row for each new event and each of its tasks; where the setting watchpost.hand_over asks for it, a job at once.';

create or replace trigger event_fill_outbox after insert on watchpost.event
referencing new table as new_rows
for each statement execute function watchpost.fill_outbox();

-- rows -> events ------------------------------------------------------------------------------------------------------

-- The look at the subscriptions stands alone in the list of what is selected: so it is made once a statement, whatever the
-- plan. As a join it was made for each row as soon as tables had been analyzed (10,000 photos: 39 us a row, and 28 so).

-- Here the subscriptions are looked at in place: photos come one by one more than anything else, and a call of
-- subscribers() is 7 us of the 74 that the server needs for one.
create or replace function watchpost.emit_image_received() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'image.received', i.id, i.id, jsonb_build_object('image_id', i.id),
    array(
      select s.task from watchpost.subscription as s where s.topic = 'image.received' and s.enabled order by s.task
    )
  from new_rows as i
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
    jsonb_build_object('image_id', f.image_id, 'face_id', f.id),
    (select watchpost.subscribers('face.detected'))
  from new_rows as f;
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
    jsonb_build_object('image_id', f.image_id, 'face_id', f.id, 'embedding_id', e.id),
    (select watchpost.subscribers('face.embedded'))
  from new_rows as e
  join watchpost.face as f on f.id = e.face_id
  join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe';

  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'photo.embedded', e.id, f.image_id,
    jsonb_build_object(
      'image_id', f.image_id, 'person_photo_id', p.id, 'face_id', f.id, 'embedding_id', e.id
    ),
    (select watchpost.subscribers('photo.embedded'))
  from new_rows as e
  join watchpost.face as f on f.id = e.face_id
  join watchpost.person_photo as p
    on p.image_id = f.image_id and f.ordinal = coalesce(p.chosen_face, 1) and p.removed_at is null;
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
    jsonb_build_object('image_id', m.image_id, 'face_id', m.face_id, 'match_id', m.id),
    (select watchpost.subscribers('match.found'))
  from new_rows as m;
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
    (select watchpost.subscribers('alert.raised'))
  from new_rows as a
  join watchpost.match as m on m.id = a.best_match_id;
  return null;
end;
$$;

comment on function watchpost.emit_alert_raised() is 'One alert.raised for each new alert; an alert that is extended makes none.';

create or replace trigger alert_emit after insert on watchpost.alert
referencing new table as new_rows
for each statement execute function watchpost.emit_alert_raised();
