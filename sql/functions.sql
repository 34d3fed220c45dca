-- What can be called: submitting photos, enrolling people, and the statements the stages are made of.

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


create or replace function watchpost.insert_image(
  bytes bytea, camera text, captured_at timestamptz, idempotency_key text, submitted_by text
) returns uuid
language sql
begin atomic
  insert into watchpost.image (bytes, camera_id, captured_at, idempotency_key, submitted_by)
  values (
    insert_image.bytes,
    case when insert_image.camera is not null then watchpost.find_camera(insert_image.camera) end,
    coalesce(insert_image.captured_at, now()),
    insert_image.idempotency_key,
    coalesce(insert_image.submitted_by, session_user)
  )
  returning id;
end;

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


create or replace function watchpost.add_person_photo(
  person       uuid,
  bytes        bytea,
  chosen_face  smallint default null,
  submitted_by text default null
) returns table (person_photo_id uuid, image_id uuid)
language plpgsql
as $$
declare
  new_image_id uuid;
begin
  if not exists (select from watchpost.person as p where p.id = person) then
    raise exception 'There is no person %.', person using errcode = 'WP004';
  end if;

  insert into watchpost.image (purpose, bytes, submitted_by)
  values ('reference', add_person_photo.bytes, coalesce(add_person_photo.submitted_by, session_user))
  returning id into new_image_id;

  return query
  insert into watchpost.person_photo as p (person_id, image_id, chosen_face)
  values (person, new_image_id, add_person_photo.chosen_face)
  returning p.id, p.image_id;
end;
$$;

comment on function watchpost.add_person_photo is 'Hands in a photo to enrol a person. chosen_face counts from 1, left to right, and is needed where the photo has several faces.';

-- relaying ------------------------------------------------------------------------------------------------------------

-- Takes outbox rows, packs them into one job per batch and hands all jobs to graphile-worker with one add_jobs call,
-- which makes one NOTIFY. A job carries its task as a flag, by which workers skip paused tasks. The rows are deleted in the same transaction: a job exists or its outbox row does, never
-- neither. Several relays run side by side; SKIP LOCKED keeps them off each other's rows.
--
-- A caller who has just written rows relays them at once (patient => false). One who only polls gives way if another
-- poll is going on (patient => true), and learns so by a null.
--
-- Planned anew each time, by the outbox as it is: an idle session would keep the plan for an empty one, a nested loop,
-- and take 2,000 of 60,000 rows that come at once with it (60,000 events 87 s, and 20 s without).
create or replace function watchpost.relay(max_rows integer default 2000, patient boolean default false) returns integer
language plpgsql set plan_cache_mode = force_custom_plan
as $$
declare
  taken integer;
  specs graphile_worker.job_spec[];
begin
  if patient and not pg_try_advisory_xact_lock(hashtext('watchpost.relay')) then
    return null;
  end if;

  with due as materialized (
    select o.event_id, o.task
    from watchpost.outbox as o
    order by o.event_id
    limit max_rows
    for update skip locked
  ),
  taken_rows as (
    delete from watchpost.outbox as o
    using due
    where o.event_id = due.event_id and o.task = due.task
    returning o.event_id, o.task, o.topic, o.image_id, o.payload
  ),
  numbered as (
    select
      t.*,
      row_number() over (partition by t.topic, t.task order by t.image_id, t.event_id) - 1 as place
    from taken_rows as t
  ),
  batched as (
    -- The place of an image's first event decides: events of one image stay in one job, as far as they are taken
    -- together (max_rows may part them).
    select
      n.*,
      s.max_attempts,
      s.priority,
      min(n.place) over (partition by n.topic, n.task, coalesce(n.image_id, n.event_id)) / coalesce(s.batch_size, 1) as batch
    from numbered as n
    left join watchpost.subscription as s on s.topic = n.topic and s.task = n.task
  ),
  jobs as (
    select
      b.task,
      json_agg(b.payload order by b.event_id) as payload,
      min(b.max_attempts) as max_attempts,
      min(b.priority) as priority,
      min(b.event_id::text) as first_event,
      count(*) as events
    from batched as b
    group by b.topic, b.task, b.batch
  )
  select
    sum(j.events),
    array_agg(
      (j.task, j.payload, null, null, j.max_attempts, null, j.priority, array[j.task])::graphile_worker.job_spec
      order by j.first_event
    )
  into taken, specs
  from jobs as j;

  if taken is null then
    return 0;
  end if;
  perform graphile_worker.add_jobs(specs);
  return taken;
end;
$$;

comment on function watchpost.relay(integer, boolean) is 'Turns outbox rows into jobs; returns how many rows, or null if another patient relay was at it.';

-- models --------------------------------------------------------------------------------------------------------------

-- An embedder gets an HNSW index over its own references, because vectors of different models are not comparable and
-- an index needs one dimension.
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
    execute format(
      'create index if not exists %I on watchpost.reference using hnsw ((vector::%s.halfvec(%s)) %2$s.halfvec_cosine_ops) where model_id = %4$L',
      'reference_hnsw_' || left(encode(sha256(convert_to(register_model.id, 'UTF8')), 'hex'), 16),
      home,
      dimension,
      register_model.id
    );
  end if;
end;
$$;

comment on function watchpost.register_model is 'Makes a model known, once; the same id with other weights is an error (WP005).';

-- searching -----------------------------------------------------------------------------------------------------------

-- The people on enabled watchlists that are nearest to a vector, best reference each, nearest first.
-- The exact form orders by the bare column, which no index serves; the hnsw form by the expression of the model's
-- index. An HNSW scan filters afterwards, so it must be iterative, or a list of few people among many comes back empty.
create or replace function watchpost.nearest_people(
  probe halfvec, model text, method text, most integer default 5
) returns table (person_id uuid, reference_id uuid, similarity real)
language plpgsql
as $$
declare
  dimension integer := vector_dims(probe);
begin
  if method = 'exact' then
    return query
    select n.person_id, n.reference_id, n.similarity
    from (
      select distinct on (r.person_id)
        r.person_id, r.id as reference_id, (1 - (r.vector <=> probe))::real as similarity
      from watchpost.reference as r
      where r.model_id = model
        and r.superseded_at is null
        and exists (
          select
          from watchpost.watchlist_entry as e
          join watchpost.watchlist as w on w.id = e.watchlist_id and w.enabled
          where e.person_id = r.person_id
        )
      order by r.person_id, r.vector <=> probe
    ) as n
    order by n.similarity desc
    limit most;
    return;
  end if;

  perform set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', '100', true);
  return query execute format(
    $query$
      with near as materialized (
        select r.person_id, r.id as reference_id, (r.vector::halfvec(%1$s)) <=> $1::halfvec(%1$s) as distance
        from watchpost.reference as r
        where r.model_id = %2$L
          and r.superseded_at is null
          and exists (
            select
            from watchpost.watchlist_entry as e
            join watchpost.watchlist as w on w.id = e.watchlist_id and w.enabled
            where e.person_id = r.person_id
          )
        order by (r.vector::halfvec(%1$s)) <=> $1::halfvec(%1$s)
        limit $2
      ),
      best as (
        select distinct on (n.person_id) n.person_id, n.reference_id, (1 - n.distance)::real as similarity
        from near as n
        order by n.person_id, n.distance
      )
      select b.person_id, b.reference_id, b.similarity from best as b order by b.similarity desc limit $3
    $query$,
    dimension, model
  ) using probe, most * 8, most;
end;
$$;

comment on function watchpost.nearest_people is 'Whom a vector of this model looks like most, among the people on enabled watchlists. method: exact or hnsw.';


-- alerting ------------------------------------------------------------------------------------------------------------

create or replace function watchpost.place_of(camera uuid) returns text
language sql stable
return coalesce(
  (select coalesce('zone:' || c.zone, 'camera:' || c.name) from watchpost.camera as c where c.id = camera),
  'nowhere'
);

comment on function watchpost.place_of(uuid) is 'What makes two sightings the same episode: the zone, else the camera.';


-- Opens an alert for a match, or extends the one whose episode the match falls into. Two workers that see one person
-- at one place at the same time take turns on the advisory lock, so the second sees the first one's alert.
create or replace function watchpost.raise_alert(of_match uuid) returns uuid
language plpgsql
as $$
declare
  seen record;
  alert_id uuid;
begin
  select
    m.person_id, m.watchlist_id, m.similarity, i.camera_id, i.captured_at,
    w.cooldown, w.severity, watchpost.place_of(i.camera_id) as place
  into strict seen
  from watchpost.match as m
  join watchpost.face as f on f.id = m.face_id
  join watchpost.image as i on i.id = f.image_id
  join watchpost.watchlist as w on w.id = m.watchlist_id
  where m.id = of_match;

  perform pg_advisory_xact_lock(hashtextextended(concat_ws('|', 'watchpost.alert', seen.person_id, seen.watchlist_id, seen.place), 0));

  select a.id into alert_id
  from watchpost.alert as a
  where a.person_id = seen.person_id
    and a.watchlist_id = seen.watchlist_id
    and a.place = seen.place
    and a.withdrawn_at is null
    and seen.captured_at between a.first_seen - seen.cooldown and a.last_seen + seen.cooldown
  order by a.last_seen desc
  limit 1;

  if found then
    update watchpost.alert as a
    set sightings = a.sightings + 1,
        camera_id = case when seen.captured_at >= a.last_seen then seen.camera_id else a.camera_id end,
        first_seen = least(a.first_seen, seen.captured_at),
        last_seen = greatest(a.last_seen, seen.captured_at),
        best_match_id = case when seen.similarity > a.similarity then of_match else a.best_match_id end,
        similarity = greatest(a.similarity, seen.similarity)
    where a.id = alert_id;
  else
    insert into watchpost.alert as a
      (person_id, watchlist_id, camera_id, place, severity, best_match_id, similarity, first_seen, last_seen)
    values (
      seen.person_id, seen.watchlist_id, seen.camera_id, seen.place, seen.severity,
      of_match, seen.similarity, seen.captured_at, seen.captured_at
    )
    returning a.id into alert_id;
  end if;

  insert into watchpost.alert_match (match_id, alert_id) values (of_match, alert_id);
  return alert_id;
end;
$$;

comment on function watchpost.raise_alert(uuid) is 'Opens or extends the alert that a match belongs to, and returns its id.';
