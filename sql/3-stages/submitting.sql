-- How photos come in from whoever can call a function.

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
