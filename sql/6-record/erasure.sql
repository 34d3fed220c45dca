-- Erasing a person or an image: rows, photos, crops, vectors, work that waits, and what events say. In batches: a caller
-- repeats erase_some() (erasure-batch.sql) until it returns 0, each time in a transaction of its own, and ends with
-- finish_erasure(). What was interrupted goes on with the next call. src/watchlist/erasure.ts does that; erase_person() and
-- erase_image() do all of it in one transaction. What may be erased: erasable.sql; what is left of it: receipts.sql.
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
