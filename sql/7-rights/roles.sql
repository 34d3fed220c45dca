-- Roles with the least rights for their purpose. They have no password and cannot log in: grant them to your users.
-- Applied again after every migration, so that new tables are covered; see docs/roles.md. Which rows they see of what they
-- may read: policies.sql.
--
--   watchpost_work       workers and the API. May not change or delete what is on record.
--   watchpost_api        what the API is while it answers a key that does not see everything. Reads no vector.
--   watchpost_submitter  submits photos and reads nothing.
--   watchpost_reader     reads everything but photos, crops, vectors, API keys, and the secrets and credentials of endpoints and cameras.
--   watchpost_reviewer   the same, and acts on alerts, under its own name.

do $$
declare
  wanted text;
  item record;
  columns text;
begin
  -- Roles belong to the whole server. If another database is creating them at this moment, this waits for it and finds
  -- them there.
  foreach wanted in array
    '{watchpost_work,watchpost_api,watchpost_reader,watchpost_reviewer,watchpost_submitter}'::text[]
  loop
    if not exists (select from pg_roles as r where r.rolname = wanted) then
      if not (select r.rolsuper or r.rolcreaterole from pg_roles as r where r.rolname = current_user) then
        raise notice 'The role % is not there and % may not create it: rights are not granted. Create the roles watchpost_work, watchpost_api, watchpost_reader, watchpost_reviewer and watchpost_submitter (nologin) and migrate again.', wanted, current_user;
        return;
      end if;
      begin
        execute format('create role %I nologin', wanted);
      exception
        when duplicate_object or unique_violation then null;
      end;
    end if;
  end loop;

  -- An API takes on watchpost_api for a key. Who has not made the roles may not be allowed to grant one.
  foreach wanted in array array['watchpost_work', current_user::text] loop
    if not pg_has_role(wanted, 'watchpost_api', 'set') then
      begin
        execute format('grant watchpost_api to %I', wanted);
      exception
        when insufficient_privilege then
          raise notice 'The role watchpost_api is not granted to %, who needs it for API keys that are bound to sites: have its administrator run "grant watchpost_api to %".', wanted, wanted;
        -- Another database of the server has granted it at this moment.
        when unique_violation or internal_error then null;
      end;
    end if;
  end loop;

  grant usage on schema watchpost
  to watchpost_work, watchpost_api, watchpost_reader, watchpost_reviewer, watchpost_submitter;

  -- By default everybody may execute functions, which must not hold for those that run with their owner's rights.
  revoke execute on all functions in schema watchpost from public;
  grant execute on all functions in schema watchpost to watchpost_work, watchpost_api;
  -- The defaults of keys, sites and xid, which every role needs that may INSERT.
  grant execute on function
    watchpost.uuidv7(), watchpost.record_key(), watchpost.add_to_xid(xid8, bigint), watchpost.default_site(),
    watchpost.own_site()
  to public;
  -- What policies ask: each answers about whoever asks.
  grant execute on function
    watchpost.is_in(name, text), watchpost.sees_all(), watchpost.is_limited(), watchpost.my_sites(), watchpost.my_key(),
    watchpost.my_cameras(), watchpost.my_watchlists(), watchpost.my_scope()
  to public;
  -- What constraints and the trigger of image call.
  grant execute on function
    watchpost.is_name(text), watchpost.is_given(text), watchpost.is_basis(text), watchpost.is_token(text), watchpost.is_text(text), watchpost.is_url(text),
    watchpost.is_time(timestamptz), watchpost.is_interval(interval), watchpost.is_metadata(jsonb),
    watchpost.refuse_image(watchpost.image), watchpost.is_web_port(text), watchpost.may_be_public(text),
    watchpost.is_endpoint_settings(text, jsonb), watchpost.is_template(text), watchpost.template_names(),
    watchpost.unknown_in_template(text),
    watchpost.is_encrypted(bytea), watchpost.plain_sha256(bytea), watchpost.plain_length(bytea),
    watchpost.data_key_of(bytea), watchpost.assert_data_key(bytea, uuid)
  to public;
  for item in
    select p.oid::regprocedure::text as name, p.prosecdef, p.provolatile, p.proname
    from pg_proc as p
    where p.pronamespace = 'watchpost'::regnamespace and p.prokind = 'f'
  loop
    if item.proname = any ('{add_partition,make_partitions,retire_partition,retain,forget_leaves,append_seal,seal_rows,raise_alarms,page_alerts,release_held,note_home,raise_stranger_alerts,continue_record,renumber_rows,purge,begin_purge,finish_purge,write_receipt,destroy_data_keys}') then
      -- Through upkeep() only, or by the owner.
      execute format('revoke execute on function %s from watchpost_work, watchpost_api', item.name);
    elsif item.proname = any ('{sites_of,list_jobs,list_job_items,missing_work,upkeep,put_back_events,note_server,register_model,index_people,index_many_people,admit_key,is_administered,authenticate,open_session,open_session_of,authenticate_session,close_session,note_expired_keys,record_refused_keys,people_concerned,forget_answers,encrypt_image}') then
      -- These ask, or change, what is of all sites.
      execute format('revoke execute on function %s from watchpost_api', item.name);
    elsif item.proname = 'find_data_key' then
      -- For those only who have the key that it is wrapped by.
      null;
    elsif item.provolatile <> 'v' or item.proname = any ('{verify_audit,verify_seals,verify_seal,verify_head,rows_to_seal}') then
      execute format('grant execute on function %s to watchpost_reader, watchpost_reviewer', item.name);
    end if;
    if item.proname = any ('{uuidv7,submit_image,receive_image,find_camera}') then
      execute format('grant execute on function %s to watchpost_submitter', item.name);
    end if;
    if item.proname = any ('{search_face,similar_faces}') then
      -- They answer no vector, and record who has asked.
      execute format('grant execute on function %s to watchpost_reader, watchpost_reviewer', item.name);
    end if;
    if item.proname = any ('{acknowledge,confirm,dismiss,reopen,undo,acknowledge_stranger_alert,review_stranger_alert}') then
      execute format('grant execute on function %s to watchpost_reviewer', item.name);
    end if;
  end loop;

  -- work ----------------------------------------------------------------------------------------------------------
  grant select, insert, update, delete on all tables in schema watchpost to watchpost_work;
  revoke insert, update, delete on
    watchpost.event, watchpost.handling, watchpost.seal, watchpost.seal_leaves, watchpost.seal_head,
    watchpost.retention, watchpost.upkeep_task, watchpost.server_timeline, watchpost.migration, watchpost.schema_object,
    watchpost.camera_place, watchpost.access, watchpost.processing_default, watchpost.erasure, watchpost.erasure_leaf,
    watchpost.erasure_face, watchpost.alarm, watchpost.stranger_alert
  from watchpost_work;
  -- Keys are made, changed and counted by functions.
  revoke insert, update, delete on watchpost.api_key, watchpost.key_calls, watchpost.key_stream, watchpost.session from watchpost_work;
  -- What events say is written with them, and deleted by an erasure: by functions with their owner's rights.
  revoke insert, update, delete on watchpost.event_content from watchpost_work;
  -- The owner wraps and destroys data keys; workers and the API get them by functions.
  revoke insert, update, delete on watchpost.data_key from watchpost_work;
  -- Of answers whose names only the caller of each may see.
  revoke all on watchpost.idempotency from watchpost_work;
  revoke insert, update, delete on watchpost.link_key from watchpost_work;
  -- Workers set format and size of a photo; they may not drop it.
  revoke update on watchpost.image from watchpost_work;
  execute format('grant update (%s) on watchpost.image to watchpost_work', watchpost.columns_but('image', '{bytes,site_id,rotation}'));
  -- Without id, created_at and xid, which decide where in the record a row appears and when it was written.
  grant insert (topic, subject_id, image_id, payload, tasks) on watchpost.event to watchpost_work;
  grant insert (
    event_id, task, outcome, attempt, worker_id, started_at, duration_ms, code, error
  ) on watchpost.handling to watchpost_work;

  -- Reviews are written by the functions, in the name of their caller, and never changed.
  revoke insert, update, delete on watchpost.alert_review from watchpost_work;

  -- graphile-worker's row security hides its rows from everybody but their owner. This policy is for everybody, as the
  -- grants say who reads and writes; one for a role could not be restored where that role is not there.
  grant usage on schema graphile_worker to watchpost_work;
  grant select, insert, update, delete on all tables in schema graphile_worker to watchpost_work;
  grant usage on all sequences in schema graphile_worker to watchpost_work;
  grant execute on all functions in schema graphile_worker to watchpost_work;
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
  grant insert (camera_id, captured_at, idempotency_key, bytes, traceparent) on watchpost.image to watchpost_submitter;
  -- For the site and the rotation of a photo.
  grant select (id, site_id, rotation) on watchpost.camera to watchpost_submitter;

  -- reader, reviewer and api --------------------------------------------------------------------------------------
  -- A reviewer is not a member of watchpost_reader, which only an administrator of that role can grant.
  foreach wanted in array '{watchpost_reader,watchpost_reviewer,watchpost_api}'::text[] loop
    execute format('grant select on all tables in schema watchpost to %I', wanted);
    execute format('revoke select on watchpost.stranger_candidate, watchpost.idempotency, watchpost.session, watchpost.data_key, watchpost.camera_secret, watchpost.link_key, watchpost.bridge_secret from %I', wanted);
    -- That there is one, for bridge_status, and to replace it.
    execute format('grant select (id) on watchpost.bridge_secret to %I', wanted);
    -- All columns but the vectors, also those of later migrations.
    foreach columns in array '{embedding,reference,person_vector,stranger_face,track}'::text[] loop
      execute format('revoke select on watchpost.%I from %I', columns, wanted);
      execute format('grant select (%s) on watchpost.%I to %I', watchpost.columns_but(columns, '{vector}'), columns, wanted);
    end loop;
    -- Who has the key of an erasure can find out by guessing what was erased.
    execute format('revoke select on watchpost.erasure, watchpost.erasure_leaf from %I', wanted);
    execute format('grant select (%s) on watchpost.erasure to %I', watchpost.columns_but('erasure', '{key}'), wanted);
    execute format('revoke select on watchpost.api_key from %I', wanted);
    if wanted = 'watchpost_api' then
      execute format('grant select (%s) on watchpost.api_key to %I', watchpost.columns_but('api_key', '{sha256,previous_sha256}'), wanted);
      continue;
    end if;

    execute format('revoke select on watchpost.key_status, watchpost.image, watchpost.face, watchpost.endpoint_secret, watchpost.endpoint_credential from %I', wanted);
    -- That they exist, for who verifies the record against the tables.
    execute format('grant select (id) on watchpost.api_key, watchpost.data_key to %I', wanted);
    execute format('grant select (%s) on watchpost.image to %I', watchpost.columns_but('image', '{bytes}'), wanted);
    execute format('grant select (%s) on watchpost.face to %I', watchpost.columns_but('face', '{crop}'), wanted);
  end loop;

  -- api -----------------------------------------------------------------------------------------------------------
  -- What keys may be allowed to do; which of it a key is, the API checks by its scopes. Nothing of workers, jobs and
  -- settings, which are of all sites, and nothing that models find.
  grant insert, update, delete on
    watchpost.plan, watchpost.camera, watchpost.person, watchpost.person_photo, watchpost.watchlist,
    watchpost.watchlist_entry, watchpost.cannot_link, watchpost.endpoint, watchpost.endpoint_watchlist,
    watchpost.endpoint_secret, watchpost.endpoint_credential, watchpost.endpoint_wait, watchpost.stranger_rule,
    watchpost.paging, watchpost.paging_quiet, watchpost.paging_step, watchpost.bridge
  to watchpost_api;
  grant insert, delete on watchpost.bridge_secret to watchpost_api;
  -- For a bridge that begins with what is on record.
  grant update (position) on watchpost.bridge_state to watchpost_api;
  grant insert (camera_id, site_id, purpose, captured_at, submitted_by, idempotency_key, bytes, traceparent), delete
  on watchpost.image to watchpost_api;
  grant insert (notification_id, endpoint_id, type, attempt), update (duration_ms, status, error) on watchpost.delivery
  to watchpost_api;
  -- What a photo that is removed, a person who is deleted or a face that is enrolled leads to.
  grant update (superseded_at) on watchpost.reference, watchpost.search to watchpost_api;
  grant update (superseded_at, superseded_because) on watchpost.match to watchpost_api;
  grant update, delete on watchpost.alert to watchpost_api;
  grant delete on watchpost.match to watchpost_api;
  grant update (person_id, named_at, named_by) on watchpost.stranger to watchpost_api;
  -- To lock it: no other value is possible.
  grant update (one) on watchpost.stranger_setting to watchpost_api;
  grant insert on watchpost.outbox to watchpost_api;
  grant insert (topic, subject_id, image_id, payload, tasks) on watchpost.event to watchpost_api;
  grant insert (event_id, task, outcome, attempt, started_at, duration_ms) on watchpost.handling to watchpost_api;
end;
$$;
