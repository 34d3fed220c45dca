-- Receiving: how a photo becomes a row of image, what is refused, and the event image.received.
--
-- consumes nothing · writes image · emits image.received, which detect consumes

-- submitting ----------------------------------------------------------------------------------------------------------

-- How photos come in from whoever can call a function.

-- In plpgsql, so that a session plans it once; an SQL function is planned at each call.
create or replace function watchpost.insert_image(
  bytes bytea, camera text, captured_at timestamptz, idempotency_key text, submitted_by text
) returns uuid
language plpgsql
as $$
#variable_conflict use_column
declare
  new_id uuid;
begin
  insert into watchpost.image (bytes, camera_id, site_id, captured_at, idempotency_key, submitted_by)
  values (
    insert_image.bytes,
    case when insert_image.camera is not null then watchpost.find_camera(insert_image.camera) end,
    -- Here, because the trigger that sets it otherwise is run as the owner, who may write to all sites. That of a camera it sets.
    case
      when insert_image.camera is null then watchpost.default_site()
      else '00000000-0000-7000-8000-000000000000'
    end,
    coalesce(insert_image.captured_at, now()),
    insert_image.idempotency_key,
    coalesce(insert_image.submitted_by, session_user)
  )
  returning id into new_id;
  return new_id;
end;
$$;

comment on function watchpost.insert_image is 'Part of submit_image: inserts the row, without a search for an earlier one with the same key.';


create or replace function watchpost.find_submitted(
  submitted_by text, idempotency_key text, bytes bytea, camera text
) returns uuid
language plpgsql stable
as $$
declare
  earlier record;
begin
  select i.id, i.sha256, i.camera_id into earlier
  from watchpost.image as i
  where i.submitted_by = find_submitted.submitted_by and i.idempotency_key = find_submitted.idempotency_key;
  -- Not the time: who tries again may well say now() again.
  if found and (
    earlier.sha256 is distinct from watchpost.plain_sha256(bytes)
    or earlier.camera_id is distinct from (
      case when find_submitted.camera is not null then watchpost.find_camera(find_submitted.camera) end
    )
  ) then
    raise exception 'The idempotency key % was used for another photo or camera.', quote_literal(idempotency_key)
      using errcode = 'WP003', hint = 'Use a new key for a new photo.';
  end if;
  return earlier.id;
end;
$$;

comment on function watchpost.find_submitted is 'The image that this submitter sent with this idempotency key, or null; another photo or camera under the same key is an error (WP003).';


-- With its owner's rights, like find_camera: a role that may only submit can call them and reads nothing else.
create or replace function watchpost.receive_image(
  bytes           bytea,
  camera          text default null,
  captured_at     timestamptz default null,
  idempotency_key text default null,
  submitted_by    text default null,
  out image_id    uuid,
  out known       boolean
)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  who text := coalesce(normalize(receive_image.submitted_by, nfc), session_user);
  key text := normalize(receive_image.idempotency_key, nfc);
begin
  known := false;
  if who <> session_user and not has_column_privilege(session_user, 'watchpost.image', 'submitted_by', 'insert') then
    raise exception '% may not submit in the name of %.', session_user, who using errcode = 'insufficient_privilege';
  end if;
  if camera is null and current_setting('watchpost.key', true) <> '' and (select b.cameras from watchpost.key_bounds() as b) is not null then
    raise exception 'This API key is bound to cameras, and the photo names none.'
      using errcode = 'WP134', hint = 'Give the camera that took it.';
  end if;
  -- Without a key there is nothing to repeat, so no subtransaction: thousands of them slow down every snapshot.
  if key is null then
    image_id := watchpost.insert_image(bytes, camera, receive_image.captured_at, null, who);
    return;
  end if;

  image_id := watchpost.find_submitted(who, key, bytes, camera);
  known := image_id is not null;
  if known then
    return;
  end if;
  begin
    image_id := watchpost.insert_image(bytes, camera, receive_image.captured_at, key, who);
  exception
    when unique_violation then
      -- Somebody else has used the key since the query above, and has committed.
      image_id := watchpost.find_submitted(who, key, bytes, camera);
      known := true;
      if image_id is null then
        raise;
      end if;
  end;
end;
$$;

comment on function watchpost.receive_image is 'As submit_image, and whether the photo is known: it was submitted before with this idempotency key.';


create or replace function watchpost.submit_image(
  bytes           bytea,
  camera          text default null,
  captured_at     timestamptz default null,
  idempotency_key text default null,
  submitted_by    text default null
) returns uuid
language plpgsql
as $$
begin
  return (
    select r.image_id
    from watchpost.receive_image(
      bytes, camera, submit_image.captured_at, submit_image.idempotency_key, submit_image.submitted_by
    ) as r
  );
end;
$$;

comment on function watchpost.submit_image is 'Submits a photo and returns its id; processing starts when the transaction commits. The same idempotency key gives the same id.';

-- size, hash and limits -----------------------------------------------------------------------------------------------

-- Limits of a row that are not constraints, because those are planned again for each statement: see
-- migrations/0001_base.sql. A day in the future is allowed for clocks that are set to a wrong time zone.
create or replace function watchpost.refuse_image(image watchpost.image) returns void
language plpgsql
as $$
begin
  if coalesce(image.byte_length, 0) = 0 then
    raise exception 'The photo is empty.'
      using errcode = 'WP001', hint = 'Put the bytes of a JPEG, PNG, WebP, AVIF or HEIC file into image.bytes.';
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

comment on function watchpost.refuse_image is 'Raises what is wrong with a row of image: no photo (WP001), too large (WP070), a time out of range (WP071), an invalid submitter or key (WP072). Does nothing if the row is right.';


-- With the rights of whoever inserts, and without a search_path of its own, which costs time: it touches only the row.
create or replace function watchpost.measure_image_bytes() returns trigger
language plpgsql
as $$
declare
  encrypted boolean := false;
begin
  if new.submitted_by <> session_user or new.idempotency_key is not null then
    new.submitted_by := normalize(new.submitted_by, nfc);
    new.idempotency_key := normalize(new.idempotency_key, nfc);
  end if;
  if new.camera_id is not null then
    select c.site_id, coalesce(c.rotation, 0) into new.site_id, new.rotation
    from watchpost.camera as c
    where c.id = new.camera_id;
    if new.site_id is null then
      -- As the foreign key says it, which knows the cameras of all sites.
      raise exception 'There is no camera %.', quote_literal(new.camera_id)
        using errcode = 'foreign_key_violation', constraint = 'image_camera_id_fkey';
    end if;
  elsif new.site_id = '00000000-0000-7000-8000-000000000000' and row_security_active('watchpost.image'::regclass::oid) then
    new.site_id := watchpost.default_site();
  end if;
  new.byte_length := pg_catalog.octet_length(new.bytes);
  -- Of other photos only AVIF and HEIC begin with 00: a call of is_encrypted() takes longer than the rest of this.
  if new.byte_length > 88 and pg_catalog.get_byte(new.bytes, 0) = 0 and watchpost.is_encrypted(new.bytes) then
    encrypted := true;
    perform watchpost.assert_data_key(new.bytes, new.site_id);
    new.byte_length := least(watchpost.plain_length(new.bytes), 2147483647);
  end if;
  if new.traceparent is not null and new.traceparent !~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' then
    new.traceparent := null;
  end if;
  if new.byte_length between 1 and 104857600
    and least(new.captured_at, new.received_at) >= '1826-01-01T00:00:00Z'
    and greatest(new.captured_at, new.received_at) <= pg_catalog.clock_timestamp() + interval '24 hours'
    and (new.submitted_by = session_user or watchpost.is_token(new.submitted_by))
    and (new.idempotency_key is null or watchpost.is_token(new.idempotency_key))
  then
    new.sha256 := case when encrypted then watchpost.plain_sha256(new.bytes) else pg_catalog.sha256(new.bytes) end;
  else
    perform watchpost.refuse_image(new);
  end if;
  return new;
end;
$$;

comment on function watchpost.measure_image_bytes() is 'Sets byte_length and sha256 from image.bytes (of an encrypted photo, those of the photo), site_id from the camera or whoever submits, rotation from the camera, puts names and keys into the form in which they are compared, and refuses a row beyond the limits; see refuse_image.';

create or replace trigger image_measure_bytes before insert on watchpost.image
for each row execute function watchpost.measure_image_bytes();

-- image.received ------------------------------------------------------------------------------------------------------

-- Every table of the pipeline has one statement-level trigger that writes its events. It runs with its owner's rights:
-- whoever may insert a row causes its event, and can do nothing else.
--
-- The subscriptions are read in the select list, so once a statement with any plan; joined, they were read for each row
-- (10,000 photos: 39 us a row, against 28). Here they are read without a call of subscribers(), which costs 7 us of the
-- 74 of a single-row INSERT.
create or replace function watchpost.emit_image_received() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  insert into watchpost.event (topic, subject_id, image_id, payload, tasks)
  select
    'image.received', i.id, i.id,
    jsonb_build_object('image_id', i.id, 'source', coalesce(i.camera_id::text, i.submitted_by)),
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
