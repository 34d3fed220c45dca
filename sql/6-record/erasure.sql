-- Erasing a person or an image: rows, photos, crops, vectors, work that waits, and what events say. In batches: a caller
-- repeats erase_some() until it returns 0, each time in a transaction of its own, and ends with finish_erasure(). What was
-- interrupted goes on with the next call. src/watchlist/erasure.ts does that; erase_person() and erase_image() do all of it
-- in one transaction. What may be erased: erasable.sql; what is left of it: receipts.sql.
--
-- What events keep: ids, times, who did it, and the salted hash of what was erased.

-- who -----------------------------------------------------------------------------------------------------------------

create or replace function watchpost.people_of(person uuid) returns uuid[]
language sql stable
begin atomic
  with recursive whom as (
    select people_of.person as id
    union
    select n.id
    from whom as w
    cross join lateral (
      select p.id from watchpost.person as p where p.merged_into = w.id
      union all
      -- Of a person who was deleted before, with whom was merged into them.
      select c.other_person_id
      from watchpost.event_content as c
      where c.person_id = w.id
        and c.other_person_id is not null
        and not exists (select from watchpost.person as p where p.id in (w.id, c.other_person_id))
    ) as n
  )
  select array(select w.id from whom as w);
end;

comment on function watchpost.people_of(uuid) is 'A person and everybody who was merged into them.';


-- beginning -----------------------------------------------------------------------------------------------------------

create or replace function watchpost.begin_erasure(what text, subject uuid, with_matched_faces boolean default false) returns uuid
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  begun uuid;
  people uuid[] := '{}';
begin
  -- Two calls for one subject take turns, and the second goes on with what the first has begun.
  perform pg_advisory_xact_lock(hashtextextended('watchpost.erasure ' || subject, 0));
  perform watchpost.assert_erasable(what, subject);
  select e.id into begun
  from watchpost.erasure as e
  where e.what = begin_erasure.what and e.subject_id = subject and e.finished_at is null;
  if found then
    update watchpost.erasure as e
    set with_matched_faces = true
    where e.id = begun and begin_erasure.with_matched_faces and not e.with_matched_faces;
    return begun;
  end if;

  if what = 'person' then
    perform watchpost.assert_unmerged(subject);
    people := watchpost.people_of(subject);
  end if;
  if not watchpost.is_known(what, subject, people) then
    select e.id into begun
    from watchpost.erasure as e
    where e.what = begin_erasure.what and e.subject_id = subject
    order by e.id desc
    limit 1;
    if found then
      return begun;
    elsif what = 'person' then
      perform watchpost.assert_person(subject);
    end if;
    raise exception 'There is no image %.', subject using errcode = 'WP090';
  end if;

  insert into watchpost.erasure (what, subject_id, people, site_id, with_matched_faces, key)
  values (
    begin_erasure.what, subject, people,
    case what
      when 'image' then (select i.site_id from watchpost.image as i where i.id = subject)
      else (select p.site_id from watchpost.person as p where p.id = subject)
    end,
    coalesce(begin_erasure.with_matched_faces, false),
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())
  )
  returning id into begun;
  perform set_config('watchpost.erasing', begun::text, true);
  perform watchpost.drop_work(
    people,
    case what when 'image' then array[subject] else array(select watchpost.own_photos(subject)) end
  );
  perform set_config('watchpost.erasing', '', true);
  return begun;
end;
$$;

comment on function watchpost.begin_erasure is 'Begins to erase a person or an image, or goes on with an erasure that was interrupted; returns its id, that of the receipt if it was erased before. An unknown person is an error (WP004), one who was merged into another (WP081), and an unknown image (WP090). with_matched_faces: also the faces that the person is matched to.';


-- Only what our own workers would do. Events of consumers that somebody has added have ids and no content, and may be what
-- makes them delete a copy of theirs.
create or replace function watchpost.drop_work(people uuid[], images uuid[]) returns void
language plpgsql
as $$
declare
  ids constant text[] := (people || images)::text[];
  removed jsonb[];
  job record;
begin
  with gone as (
    delete from watchpost.outbox as o
    where (o.payload ->> 'person_id' = any (ids) or o.payload ->> 'image_id' = any (ids))
      and exists (
        select from watchpost.subscription as s where s.task = o.task and s.topic = o.topic and s.delivery = 'claim'
      )
    returning o.*
  ),
  ended as (
    insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
    select g.event_id, g.task, 'gone', 0, clock_timestamp(), 0, 'row_missing', 'What it is about was erased before it was handled.'
    from gone as g
    on conflict (event_id, task) where outcome in ('done', 'gone') do nothing
  )
  select array_agg(to_jsonb(g)) into removed from gone as g;
  perform watchpost.note_removed('outbox', removed);

  for job in
    select
      j.id, j.task, j.attempts,
      array_agg(i.item::jsonb) filter (where h.hit) as erased,
      json_agg(i.item) filter (where not h.hit) as left_over
    from watchpost.list_jobs() as j
    cross join lateral json_array_elements(case json_typeof(j.payload) when 'array' then j.payload else '[]' end) as i (item)
    cross join lateral (
      select coalesce(
        i.item ->> 'person_id' = any (ids)
          or i.item ->> 'image_id' = any (ids)
          or exists (
            select from watchpost.alert as a where a.id::text = i.item ->> 'alert_id' and a.person_id = any (people)
          ),
        false
      ) as hit
    ) as h
    where j.locked_at is null and j.task in (select s.task from watchpost.subscription as s where s.delivery = 'claim' or s.task = 'deliver')
    group by j.id, j.task, j.attempts
    having bool_or(h.hit)
  loop
    -- Nothing if a worker has taken it meanwhile: it will find that what it is about is gone.
    continue when not exists (select from graphile_worker.complete_jobs(array[job.id]));
    if job.left_over is not null then
      perform watchpost.retry_later(job.task, job.left_over, job.attempts);
    end if;
    insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms, code, error)
    select (i ->> 'event_id')::uuid, job.task, 'gone', 0, clock_timestamp(), 0, 'row_missing', 'What it is about was erased before it was handled.'
    from unnest(job.erased) as i
    on conflict (event_id, task) where outcome in ('done', 'gone') do nothing;
    perform watchpost.note_removed('job', job.erased);
  end loop;
end;
$$;

comment on function watchpost.drop_work is 'Part of begin_erasure and erase_some: deletes what waits in the outbox and in jobs about some people or photos. Each event ends as gone.';

-- a batch -------------------------------------------------------------------------------------------------------------

create or replace function watchpost.erase_some(erasure uuid, most integer default 100) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
  e watchpost.erasure;
  erased integer := 0;
begin
  select k.* into e from watchpost.erasure as k where k.id = erase_some.erasure for update;
  if e.id is null or e.finished_at is not null or not (
    watchpost.sees_all() or coalesce(watchpost.shows_erasure(watchpost.my_scope(), e.site_id, e.actor), false)
  ) then
    return 0;
  end if;
  perform set_config('watchpost.erasing', e.id::text, true);
  if e.what = 'image' then
    erased := watchpost.erase_photo(e.subject_id);
  else
    erased := watchpost.erase_of_person(e, most);
  end if;
  perform set_config('watchpost.erasing', '', true);
  return erased;
end;
$$;

comment on function watchpost.erase_some is 'Erases the next rows, at most about so many of a table; returns how many, 0: finish_erasure() is what is left to do.';


-- Off every list first, so that nobody is taken for them any more. The person comes last: until then they are found by name
-- and the same call goes on.
create or replace function watchpost.erase_of_person(e watchpost.erasure, most integer) returns integer
language plpgsql
as $$
declare
  erased integer;
begin
  erased := watchpost.delete_entries(most, person => e.subject_id);
  if erased = 0 then
    erased := watchpost.delete_sightings(most, person => e.subject_id);
  end if;
  if erased = 0 then
    perform watchpost.note_enrolled_faces(e);
    delete from watchpost.image as i
    where i.id in (select p.id from watchpost.own_photos(e.subject_id) as p (id) limit most);
    get diagnostics erased = row_count;
  end if;
  if erased = 0 then
    erased := watchpost.erase_faces(e, most);
  end if;
  if erased = 0 then
    delete from watchpost.event_content as c
    where c.event_id in (
      select k.event_id from watchpost.event_content as k where k.person_id = any (e.people)
      union
      select k.event_id from watchpost.event_content as k where k.other_person_id = any (e.people)
      limit most
    );
    get diagnostics erased = row_count;
  end if;
  return erased;
end;
$$;

comment on function watchpost.erase_of_person is 'Part of erase_some: the next rows of a person.';


-- In photos that enrol others too, and in probes whose face was made a photo of this person.
create or replace function watchpost.note_enrolled_faces(e watchpost.erasure) returns void
language plpgsql
as $$
begin
  insert into watchpost.erasure_face (face_id, erasure_id)
  select distinct s.face_id, e.id
  from (
    select f.id
    from watchpost.person_photo as p
    join watchpost.face as f on f.image_id = p.image_id and f.ordinal = coalesce(p.chosen_face, 1) and f.superseded_at is null
    where p.person_id = e.subject_id and p.removed_at is null
    union
    select v.face_id
    from watchpost.reference as r
    join watchpost.embedding as v on v.id = r.embedding_id
    join watchpost.person_photo as p on p.id = r.person_photo_id and p.removed_at is null
    where r.person_id = e.subject_id
  ) as own
  cross join lateral watchpost.same_faces(own.id) as s (face_id)
  on conflict do nothing;
end;
$$;

comment on function watchpost.note_enrolled_faces is 'Part of erase_of_person: notes the faces that enrol the person.';


-- A photo with nobody else in it goes with its face. Of one that others are in too the file is dropped, and their faces stay.
create or replace function watchpost.erase_faces(e watchpost.erasure, most integer) returns integer
language plpgsql
as $$
declare
  faces uuid[] := array(
    select f.face_id from watchpost.erasure_face as f where f.erasure_id = e.id order by f.face_id limit most
  );
  images uuid[];
  alone uuid[];
begin
  if faces = '{}' then
    return 0;
  end if;
  images := array(select distinct f.image_id from watchpost.face as f where f.id = any (faces));
  perform watchpost.lock_images(images);
  perform watchpost.erase_still_frames(images);
  perform watchpost.supersede_matches(
    array(select m.id from watchpost.match as m where m.face_id = any (faces) and m.superseded_at is null), 'erased'
  );
  delete from watchpost.face as f where f.id = any (faces);
  perform watchpost.leave_tracks_now();
  alone := array(
    select i.id
    from unnest(images) as i (id)
    where not exists (select from watchpost.face as f where f.image_id = i.id)
  );
  perform watchpost.drop_work('{}', alone);
  delete from watchpost.image as i where i.id = any (alone);
  perform watchpost.drop_photos(images);
  return cardinality(faces);
end;
$$;

comment on function watchpost.erase_faces is 'Part of erase_of_person: deletes the faces of erasure_face, with the photos that have no other face; the file of the others is dropped.';


-- They show the same, and have no faces of their own by which they would be found.
create or replace function watchpost.erase_still_frames(images uuid[]) returns void
language plpgsql
as $$
declare
  still constant uuid[] := watchpost.still_frames_of(images);
begin
  if still <> '{}' then
    perform watchpost.drop_work('{}', still);
    delete from watchpost.image as i where i.id = any (still);
  end if;
end;
$$;

comment on function watchpost.erase_still_frames(uuid[]) is 'Part of erase_photo and erase_faces: deletes the frames in which nothing had moved since these.';


create or replace function watchpost.drop_photos(images uuid[]) returns void
language plpgsql
as $$
begin
  with dropped as (
    update watchpost.image as i
    set bytes = null
    where i.id = any (images) and i.bytes is not null
    returning i.id, i.sha256
  )
  insert into watchpost.erasure_leaf (erasure_id, relation, leaf)
  select e.id, 'image.bytes', watchpost.erased_leaf(e.key, jsonb_build_object('id', d.id, 'sha256', encode(d.sha256, 'hex')))
  from dropped as d
  cross join watchpost.erasure as e
  where e.id = watchpost.current_erasure();
end;
$$;

comment on function watchpost.drop_photos(uuid[]) is 'Part of erase_faces: drops the files of photos.';


-- First the matches, so that an alert with other sightings goes on with those.
create or replace function watchpost.erase_photo(image uuid) returns integer
language plpgsql
as $$
declare
  faces integer;
begin
  perform watchpost.lock_images(array[image]);
  perform watchpost.erase_still_frames(array[image]);
  perform watchpost.supersede_matches(
    array(select m.id from watchpost.match as m where m.image_id = image and m.superseded_at is null), 'erased'
  );
  delete from watchpost.face as f where f.image_id = image;
  get diagnostics faces = row_count;
  perform watchpost.leave_tracks_now();
  perform watchpost.drop_work('{}', array[image]);
  delete from watchpost.image as i where i.id = image;
  return faces + case when found then 1 else 0 end;
end;
$$;

comment on function watchpost.erase_photo(uuid) is 'Part of erase_some: deletes an image with all that was found in it, also if an alert rests on it.';

-- the end -------------------------------------------------------------------------------------------------------------

create or replace function watchpost.finish_erasure(erasure uuid, out receipt watchpost.erasure, out proof_key text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
  select k.* into receipt from watchpost.erasure as k where k.id = finish_erasure.erasure for update;
  if not (watchpost.sees_all() or coalesce(watchpost.shows_erasure(watchpost.my_scope(), receipt.site_id, receipt.actor), false)) then
    receipt := null;
  end if;
  if receipt.id is null or receipt.finished_at is not null then
    return;
  end if;
  -- What has come since the last batch, or everything.
  loop
    exit when watchpost.erase_some(receipt.id, 1000) = 0;
  end loop;
  perform set_config('watchpost.erasing', receipt.id::text, true);
  perform watchpost.drop_work(receipt.people, '{}');
  delete from watchpost.person as p where p.id = receipt.subject_id;
  update watchpost.access as a
  set reason = null
  where a.reason is not null
    and (a.person_ids && receipt.people or a.subject_id = receipt.subject_id or a.subject_id = any (receipt.people));
  -- Of matches that were locked until now.
  loop
    exit when watchpost.erase_faces(receipt, 1000) = 0;
  end loop;
  perform set_config('watchpost.erasing', '', true);

  proof_key := encode(receipt.key, 'hex');
  receipt := watchpost.write_receipt(receipt.id);
end;
$$;

comment on function watchpost.finish_erasure is 'Erases what is left, the person last, and writes the receipt and the event erased. proof_key: the key of the hashes, which is not stored; null: it was finished before.';


create or replace function watchpost.erase_person(person uuid, with_matched_faces boolean default false) returns watchpost.erasure
language plpgsql
as $$
begin
  return (
    select f.receipt
    from watchpost.finish_erasure(watchpost.begin_erasure('person', erase_person.person, erase_person.with_matched_faces)) as f
  );
end;
$$;

comment on function watchpost.erase_person is 'Removes a person for good, with whom was merged into them: rows, photos, crops, vectors, work that waits, and what events say about them; with_matched_faces: also the faces that they are matched to. Returns the receipt. In one transaction: for somebody with many sightings use begin_erasure(), erase_some() and finish_erasure(), as the command line does.';


create or replace function watchpost.erase_image(image uuid) returns watchpost.erasure
language plpgsql
as $$
begin
  return (select f.receipt from watchpost.finish_erasure(watchpost.begin_erasure('image', erase_image.image)) as f);
end;
$$;

comment on function watchpost.erase_image(uuid) is 'Removes an image for good, with its faces, crops, vectors, searches and matches, also if an alert rests on it or it enrols somebody. Returns the receipt.';


-- Exact, because it is the erasure itself.
create or replace function watchpost.rehearse_erasure(what text, subject uuid, with_matched_faces boolean default false) returns jsonb
language plpgsql
as $$
declare
  counted jsonb;
begin
  begin
    select (f.receipt).counts into counted
    from watchpost.finish_erasure(watchpost.begin_erasure(what, subject, rehearse_erasure.with_matched_faces)) as f;
    raise exception using errcode = 'TRIAL';
  exception
    when sqlstate 'TRIAL' then return counted;
  end;
end;
$$;

comment on function watchpost.rehearse_erasure is 'What an erasure would remove: rows of each table. It does it, and takes it back.';
