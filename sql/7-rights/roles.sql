-- Roles with the least rights for their purpose. They have no password and cannot log in: grant them to your users.
-- Applied again after every migration, so that new tables are covered; see docs/roles.md.
--
--   watchpost_app        workers and the API. May not change or delete what is on record.
--   watchpost_submitter  submits photos and reads nothing.
--   watchpost_reader     reads everything but the photos themselves, the API keys and the secrets of endpoints.
--   watchpost_reviewer   the same, and acts on alerts, under its own name.

do $$
declare
  wanted text;
  item record;
  facts text;
begin
  -- Roles belong to the whole server. If another database is creating them at this moment, this waits for it and finds
  -- them there.
  foreach wanted in array '{watchpost_app,watchpost_reader,watchpost_reviewer,watchpost_submitter}'::text[] loop
    if not exists (select from pg_roles as r where r.rolname = wanted) then
      if not (select r.rolsuper or r.rolcreaterole from pg_roles as r where r.rolname = current_user) then
        raise notice 'The role % is not there and % may not create it: rights are not granted. Create the roles watchpost_app, watchpost_reader, watchpost_reviewer and watchpost_submitter (nologin) and migrate again.', wanted, current_user;
        return;
      end if;
      begin
        execute format('create role %I nologin', wanted);
      exception
        when duplicate_object or unique_violation then null;
      end;
    end if;
  end loop;

  grant usage on schema watchpost to watchpost_app, watchpost_reader, watchpost_reviewer, watchpost_submitter;

  -- By default everybody may execute functions, which must not hold for those that run with their owner's rights.
  revoke execute on all functions in schema watchpost from public;
  grant execute on all functions in schema watchpost to watchpost_app;
  -- The defaults of keys and of xid, which every role needs that may INSERT.
  grant execute on function watchpost.uuidv7(), watchpost.record_key(), watchpost.add_to_xid(xid8, bigint) to public;
  -- What constraints and the trigger of image call.
  grant execute on function
    watchpost.is_name(text), watchpost.is_token(text), watchpost.is_text(text), watchpost.is_url(text),
    watchpost.is_time(timestamptz), watchpost.is_interval(interval), watchpost.is_metadata(jsonb),
    watchpost.refuse_image(watchpost.image),
    watchpost.is_encrypted(bytea), watchpost.plain_sha256(bytea), watchpost.plain_length(bytea),
    watchpost.assert_data_key(bytea)
  to public;
  for item in
    select p.oid::regprocedure::text as name, p.prosecdef, p.provolatile, p.proname
    from pg_proc as p
    where p.pronamespace = 'watchpost'::regnamespace and p.prokind = 'f'
  loop
    if item.proname = any ('{add_partition,make_partitions,retire_partition,retain,forget_leaves,append_seal,seal_rows,continue_record,renumber_rows}') then
      -- Through upkeep() only, or by the owner.
      execute format('revoke execute on function %s from watchpost_app', item.name);
    end if;
    if item.provolatile <> 'v' or item.proname = any ('{verify_audit,verify_seals,verify_seal,verify_head,rows_to_seal}') then
      execute format('grant execute on function %s to watchpost_reader, watchpost_reviewer', item.name);
    end if;
    if item.proname = any ('{uuidv7,submit_image,find_camera}') then
      execute format('grant execute on function %s to watchpost_submitter', item.name);
    end if;
    if item.proname = any ('{acknowledge,confirm,dismiss,reopen,undo}') then
      execute format('grant execute on function %s to watchpost_reviewer', item.name);
    end if;
  end loop;

  -- All columns of image but the photo, also those of later migrations.
  select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into facts
  from pg_attribute as a
  where a.attrelid = 'watchpost.image'::regclass and a.attnum > 0 and not a.attisdropped and a.attname <> 'bytes';

  -- app -----------------------------------------------------------------------------------------------------------
  grant select, insert, update, delete on all tables in schema watchpost to watchpost_app;
  revoke insert, update, delete on
    watchpost.event, watchpost.handling, watchpost.seal, watchpost.seal_leaves, watchpost.seal_head,
    watchpost.retention, watchpost.upkeep_task, watchpost.server_timeline, watchpost.migration, watchpost.schema_object,
    watchpost.camera_place, watchpost.erasure, watchpost.erasure_leaf, watchpost.erasure_face
  from watchpost_app;
  -- What events say is written with them, and deleted by an erasure: by functions with their owner's rights.
  revoke insert, update, delete on watchpost.event_content from watchpost_app;
  -- Workers set format and size of a photo; they may not drop it.
  revoke update on watchpost.image from watchpost_app;
  execute format('grant update (%s) on watchpost.image to watchpost_app', facts);
  -- Without xid, which decides where in the record a row appears.
  grant insert (id, topic, subject_id, image_id, payload, tasks, created_at) on watchpost.event to watchpost_app;
  grant insert (
    id, event_id, task, outcome, attempt, worker_id, started_at, duration_ms, code, error, created_at
  ) on watchpost.handling to watchpost_app;

  -- Reviews are written by the functions, in the name of their caller, and never changed.
  revoke insert, update, delete on watchpost.alert_review from watchpost_app;

  -- graphile-worker's row security hides its rows from everybody but their owner. This policy is for everybody, as the
  -- grants say who reads and writes; one for a role could not be restored where that role is not there.
  grant usage on schema graphile_worker to watchpost_app;
  grant select, insert, update, delete on all tables in schema graphile_worker to watchpost_app;
  grant usage on all sequences in schema graphile_worker to watchpost_app;
  grant execute on all functions in schema graphile_worker to watchpost_app;
  for item in
    select c.oid::regclass::text as name
    from pg_class as c
    where c.relnamespace = 'graphile_worker'::regnamespace
      and c.relrowsecurity
      and not exists (select from pg_policy as p where p.polrelid = c.oid and p.polname = 'watchpost')
  loop
    execute format('create policy watchpost on %s using (true) with check (true)', item.name);
  end loop;

  -- submitter -----------------------------------------------------------------------------------------------------
  -- Not submitted_by, which is the database user.
  grant insert (camera_id, captured_at, idempotency_key, bytes) on watchpost.image to watchpost_submitter;

  -- reader --------------------------------------------------------------------------------------------------------
  grant select on all tables in schema watchpost to watchpost_reader;
  revoke select on watchpost.api_key, watchpost.data_key, watchpost.image, watchpost.endpoint_secret from watchpost_reader;
  execute format('grant select (%s) on watchpost.image to watchpost_reader', facts);

  -- reviewer ------------------------------------------------------------------------------------------------------
  -- Not by membership in watchpost_reader, which only an administrator of that role can grant.
  grant select on all tables in schema watchpost to watchpost_reviewer;
  revoke select on watchpost.api_key, watchpost.data_key, watchpost.image, watchpost.endpoint_secret from watchpost_reviewer;
  execute format('grant select (%s) on watchpost.image to watchpost_reviewer', facts);
end;
$$;
