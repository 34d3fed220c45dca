-- What can be called: submitting photos, and the statements the stages are made of.

-- submitting ----------------------------------------------------------------------------------------------------------

-- These two run with their owner's rights: whoever may only submit can call them and see nothing else.
create or replace function watchpost.find_camera(name_or_id text) returns uuid
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  found_id uuid;
begin
  select c.id into found_id
  from watchpost.camera as c
  where c.name = name_or_id or c.id::text = lower(name_or_id)
  order by c.name = name_or_id desc
  limit 1;
  if found_id is null then
    raise exception 'There is no camera %.', quote_literal(name_or_id)
      using errcode = 'WP002',
            hint = 'Cameras: ' || coalesce((select string_agg(c.name, ', ' order by c.name) from watchpost.camera as c), 'none yet') || '.';
  end if;
  return found_id;
end;
$$;

comment on function watchpost.find_camera(text) is 'The id of a camera by its name or id; an unknown one is an error (WP002).';


-- In plpgsql, whose plan a session keeps; an SQL function is planned at each call.
create or replace function watchpost.insert_image(
  bytes bytea, camera text, captured_at timestamptz, idempotency_key text, submitted_by text
) returns uuid
language plpgsql
as $$
#variable_conflict use_column
declare
  new_id uuid;
begin
  insert into watchpost.image (bytes, camera_id, captured_at, idempotency_key, submitted_by)
  values (
    insert_image.bytes,
    case when insert_image.camera is not null then watchpost.find_camera(insert_image.camera) end,
    coalesce(insert_image.captured_at, now()),
    insert_image.idempotency_key,
    coalesce(insert_image.submitted_by, session_user)
  )
  returning id into new_id;
  return new_id;
end;
$$;

comment on function watchpost.insert_image is 'Part of submit_image: the row as it is asked for, with no look for an earlier one.';


create or replace function watchpost.find_submitted(
  submitted_by text, idempotency_key text, bytes bytea
) returns uuid
language plpgsql stable
as $$
declare
  earlier record;
begin
  select i.id, i.sha256 into earlier
  from watchpost.image as i
  where i.submitted_by = find_submitted.submitted_by and i.idempotency_key = find_submitted.idempotency_key;
  if found and earlier.sha256 is distinct from sha256(bytes) then
    raise exception 'The idempotency key % was used for another photo.', quote_literal(idempotency_key)
      using errcode = 'WP003', hint = 'Use a new key for a new photo.';
  end if;
  return earlier.id;
end;
$$;

comment on function watchpost.find_submitted is 'The image that this submitter sent under this key, or null; one with other bytes is an error (WP003).';


create or replace function watchpost.submit_image(
  bytes           bytea,
  camera          text default null,
  captured_at     timestamptz default null,
  idempotency_key text default null,
  submitted_by    text default null
) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  who text := coalesce(submit_image.submitted_by, session_user);
  image_id uuid;
begin
  if who <> session_user and not has_column_privilege(session_user, 'watchpost.image', 'submitted_by', 'insert') then
    raise exception '% may not submit in the name of %.', session_user, who using errcode = 'insufficient_privilege';
  end if;
  -- Without a key there is nothing to repeat, and no subtransaction: thousands of them slow down everybody's snapshots.
  if submit_image.idempotency_key is null then
    return watchpost.insert_image(bytes, camera, submit_image.captured_at, null, who);
  end if;

  image_id := watchpost.find_submitted(who, submit_image.idempotency_key, bytes);
  if image_id is not null then
    return image_id;
  end if;
  begin
    return watchpost.insert_image(bytes, camera, submit_image.captured_at, submit_image.idempotency_key, who);
  exception
    when unique_violation then
      -- Somebody else has used the key since the look above, and has committed.
      image_id := watchpost.find_submitted(who, submit_image.idempotency_key, bytes);
      if image_id is null then
        raise;
      end if;
      return image_id;
  end;
end;
$$;

comment on function watchpost.submit_image is 'Submits a photo and returns its id; processing starts when the transaction commits. The same idempotency key gives the same id.';

-- relaying ------------------------------------------------------------------------------------------------------------

-- As text, which is what a job keeps: taken apart and put together as jsonb it took twice as long. Inlined where it is
-- called.
create or replace function watchpost.job_item(event_id uuid, payload jsonb) returns json
language sql immutable
return (
  '{"event_id": "' || event_id || case payload when '{}' then '"}' else '", ' || substr(payload::text, 2) end
)::json;

comment on function watchpost.job_item(uuid, jsonb) is 'An event as one item of the payload of a job.';


-- Packs outbox rows into one job per batch and hands all jobs to graphile-worker with one add_jobs call, which makes one
-- NOTIFY. A job carries its task as a flag, by which workers skip paused tasks. The rows are deleted in the same
-- transaction: a job exists or its outbox row does, never neither.
--
-- Every statement, those of add_jobs too, is planned once a session and must do for an outbox of any size: the rows are
-- deleted by where they lie, as a lock keeps them there. Joined with what is taken, and planned anew for each call, 2,000
-- rows of 50,000 took 19.5 ms instead of 10, and a call that finds nothing 0.6 ms.
create or replace function watchpost.hand_over(due tid[]) returns integer
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  taken integer;
  specs graphile_worker.job_spec[];
begin
  with taken_rows as (
    delete from watchpost.outbox as o
    where o.ctid = any (due)
    returning o.event_id, o.task, o.topic, o.image_id, o.payload
  ),
  batched as (
    -- The events of an image rank the same, so they stay in one job as far as they are taken together (max_rows may
    -- part them).
    select
      t.topic,
      t.task,
      watchpost.job_item(t.event_id, t.payload) as item,
      (rank() over (partition by t.topic, t.task order by coalesce(t.image_id, t.event_id)) - 1)
        / coalesce(s.batch_size, 1) as batch,
      s.max_attempts,
      s.priority,
      s.task || ' ' || (t.payload ->> s.queue_by) as queue
    from taken_rows as t
    left join watchpost.subscription as s on s.topic = t.topic and s.task = t.task
  ),
  jobs as (
    select
      b.task,
      b.batch,
      json_agg(b.item) as payload,
      min(b.max_attempts) as max_attempts,
      min(b.priority) as priority,
      min(b.queue) as queue,
      count(*) as events
    from batched as b
    group by b.topic, b.task, b.batch
  )
  select
    sum(j.events),
    array_agg(
      (j.task, j.payload, j.queue, null, j.max_attempts, null, j.priority, array[j.task])::graphile_worker.job_spec
      order by j.batch
    )
  into taken, specs
  from jobs as j;

  perform graphile_worker.add_jobs(specs);
  return taken;
end;
$$;

comment on function watchpost.hand_over(tid[]) is 'Turns outbox rows that the caller has locked, or written, into jobs; returns how many.';


-- Takes outbox rows and hands them over. Several relays run side by side; SKIP LOCKED keeps them off each other's rows.
--
-- A caller who has just written rows relays them at once (patient => false). One who only polls gives way if another
-- poll is going on (patient => true), and learns so by a null.
create or replace function watchpost.relay(max_rows integer default 2000, patient boolean default false) returns integer
language plpgsql set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  due tid[];
begin
  if patient and not pg_try_advisory_xact_lock(hashtext('watchpost.relay')) then
    return null;
  end if;

  due := array(
    select o.ctid
    from watchpost.outbox as o
    order by o.event_id
    limit max_rows
    for update skip locked
  );
  if due = '{}' then
    return 0;
  end if;
  return watchpost.hand_over(due);
end;
$$;

comment on function watchpost.relay(integer, boolean) is 'Turns outbox rows into jobs; returns how many rows, or null if another patient relay was at it.';


-- What a worker has written with the setting watchpost.hand_over as a JSON object was locked for it then: see fill_outbox.
-- The job before is done by then. That it is gone need not be on disk at once: after a crash it is found again, and its
-- items are found done. Every round trip counts here: a photo makes three of these on its way to an alert.
create or replace function watchpost.take_up(keys text[], finished bigint default null) returns table (
  id bigint, task text, attempts smallint, max_attempts smallint, payload json
)
language plpgsql
as $$
begin
  if finished is not null then
    perform set_config('synchronous_commit', 'off', true);
    delete from graphile_worker._private_jobs as j where j.id = finished;
  end if;
  return query
  select j.id, t.identifier, j.attempts, j.max_attempts, j.payload
  from graphile_worker._private_jobs as j
  join graphile_worker._private_tasks as t on t.id = j.task_id
  where j.key = any (keys)
  order by j.priority, j.id;
end;
$$;

comment on function watchpost.take_up(text[], bigint) is 'The jobs that a worker has locked for itself as it wrote what they are for, by their keys; finished: the one that is done and goes.';


-- As graphile-worker does it with a job that fails.
create or replace function watchpost.give_back(job bigint, items json, error text) returns void
language plpgsql
as $$
begin
  update graphile_worker._private_jobs as j
  set payload = items,
      last_error = error,
      run_at = now() + exp(least(j.attempts, 10)) * interval '1 second',
      locked_at = null,
      locked_by = null,
      updated_at = now()
  where j.id = job;
end;
$$;

comment on function watchpost.give_back(bigint, json, text) is 'Gives back a job that was taken up, for those of its items that are to be tried again later.';

-- models --------------------------------------------------------------------------------------------------------------

-- An embedder gets an HNSW index over the vectors of people by it, because vectors of different models are not comparable
-- and an index needs one dimension.
create or replace function watchpost.register_model(
  id text, role text, sha256 text, dimension integer, licence text
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  known_sha256 text;
  -- Where pgvector lives: an owner's function looks into no schema that it does not name.
  home text := (
    select quote_ident(n.nspname)
    from pg_extension as e
    join pg_namespace as n on n.oid = e.extnamespace
    where e.extname = 'vector'
  );
begin
  perform pg_advisory_xact_lock(hashtext('watchpost.register_model'));
  select m.sha256 into known_sha256 from watchpost.model as m where m.id = register_model.id;
  if found then
    if known_sha256 <> register_model.sha256 then
      raise exception 'The model % is registered here with other weights (sha256 %, not %).', register_model.id, known_sha256, register_model.sha256
        using errcode = 'WP005', hint = 'Give other weights another model id, so that their vectors are kept apart.';
    end if;
    return;
  end if;

  insert into watchpost.model (id, role, sha256, dimension, licence)
  values (register_model.id, register_model.role, register_model.sha256, register_model.dimension, register_model.licence);

  if role = 'embedder' then
    -- Denser than pgvector makes it by itself: see nearest_by_index.
    execute format(
      'create index if not exists %I on watchpost.person_vector using hnsw ((vector::%s.halfvec(%s)) %2$s.halfvec_cosine_ops) with (m = 40, ef_construction = 200) where model_id = %4$L',
      'person_vector_hnsw_' || left(encode(sha256(convert_to(register_model.id, 'UTF8')), 'hex'), 16),
      home,
      dimension,
      register_model.id
    );
  end if;
end;
$$;

comment on function watchpost.register_model is 'Makes a model known, once; the same id with other weights is an error (WP005).';
