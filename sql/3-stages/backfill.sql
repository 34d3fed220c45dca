-- Backfilling: somebody was enrolled, listed or corrected, so faces that were seen before are searched again, newest
-- first, one batch an event. What a batch finds is matched like a new face.
--
-- consumes person.enrolled, watchlist.person_added, photo.removed, cannot_link.added, cannot_link.removed,
-- backfill.continued · writes backfill, search, match · emits backfill.continued for the next batch
--
-- Which faces are in a batch: sql/4-people/past-faces.sql. The rows that each of them gets: match.sql.

-- A person on no active list is not searched for, and for one who was never found nothing is corrected.
--
-- since_event: the event that put the person on a list. Only references from before it are searched for; those added
-- since have an event of their own, and an import, which adds an entry and then a photo for each of thousands of
-- people, would otherwise search twice.
create or replace function watchpost.begin_backfill(
  reason text, person uuid, reference_ids uuid[] default '{}', since_event uuid default null
) returns integer
language plpgsql
as $$
declare
  -- The event may be older than a merge.
  found_id constant uuid := watchpost.survivor(person);
  created integer;
begin
  with made as (
    insert into watchpost.backfill as b (reason, person_id, model_id, reference_ids)
    select begin_backfill.reason, found_id, r.model_id, begin_backfill.reference_ids
    from watchpost.reference as r
    where r.person_id = found_id
      and case begin_backfill.reason
        when 'enrolled' then r.id = any (begin_backfill.reference_ids) and r.superseded_at is null
        when 'listed' then
          r.superseded_at is null and (since_event is null or r.created_at < watchpost.uuidv7_time(since_event))
        when 'removed' then r.id = any (begin_backfill.reference_ids)
        else true
      end
      and case
        when begin_backfill.reason in ('enrolled', 'listed') then watchpost.lowest_threshold(found_id) is not null
        else exists (select from watchpost.match as m where m.person_id = found_id)
      end
    group by r.model_id
    returning b.id, b.person_id
  ),
  asked as (
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'backfill.continued', m.id, jsonb_build_object('backfill_id', m.id, 'person_id', m.person_id, 'cursor', null), s.tasks
    from made as m
    cross join (select watchpost.subscribers('backfill.continued') as tasks) as s
  )
  select count(*) into created from made as m;
  return created;
end;
$$;

comment on function watchpost.begin_backfill is 'Starts to search the past faces for a person; reason as in the table backfill. Returns how many backfills that created, one for each model: none if there is nothing to search.';


create or replace function watchpost.continue_backfill(backfill uuid, compared integer, matched integer, next_cursor uuid) returns void
language plpgsql
as $$
begin
  update watchpost.backfill as b
  set searched = b.searched + compared,
      found = b.found + matched,
      cursor = coalesce(next_cursor, b.cursor),
      finished_at = case when next_cursor is null then clock_timestamp() end
  where b.id = backfill;
  if next_cursor is not null then
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'backfill.continued', b.id,
      jsonb_build_object('backfill_id', b.id, 'person_id', b.person_id, 'cursor', next_cursor),
      watchpost.subscribers('backfill.continued')
    from watchpost.backfill as b
    where b.id = backfill;
  end if;
end;
$$;

comment on function watchpost.continue_backfill is 'Records a batch of a backfill, and emits the event for the next one or ends it.';


-- For a face whose own match event is not handled yet, a worker may have found the nearest people before the person was
-- enrolled, and write that later. So the first search is written by the transaction that inserts the handling: if a
-- worker is writing it now, the insert below waits for that, and then inserts nothing.
create or replace function watchpost.take_over_first_searches(embeddings uuid[]) returns setof uuid
language plpgsql
as $$
begin
  return query
  with done as (
    insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
    select e.id, 'match', 'done', 1, clock_timestamp(), 0
    from watchpost.event as e
    where e.subject_id = any (embeddings)
      and e.topic in ('face.embedded', 'track.begun', 'track.improved')
      and 'match' = any (e.tasks)
      and (
        not exists (
          select from watchpost.search as s where s.embedding_id = e.subject_id and s.superseded_at is null
        )
        -- A track is searched again: the same holds for that.
        or e.topic = 'track.improved' and not watchpost.has_ended(e.id, 'match')
      )
    order by e.id
    on conflict (event_id, task) where outcome in ('done', 'gone') do nothing
    returning event_id
  )
  select distinct e.subject_id
  from done as d
  join watchpost.event as e on e.id = d.event_id
  where not exists (
    select from watchpost.search as s where s.embedding_id = e.subject_id and s.superseded_at is null
  );
end;
$$;

comment on function watchpost.take_over_first_searches(uuid[]) is 'Takes over the first search of those embeddings whose match event is not handled yet, and returns them; also further searches of their tracks.';


-- A track that has got better since the backfill searched it is searched again as it is now, live, by a worker that finds
-- whom the backfill is for.
create or replace function watchpost.without_moved_tracks(searched jsonb) returns jsonb
language plpgsql
as $$
declare
  moved uuid[];
begin
  if not searched @? '$[*] ? (@.track_id != null)' then
    return searched;
  end if;
  perform
  from watchpost.track as t
  where t.id in (select d.track_id from watchpost.decided_searches(searched) as d)
  order by t.id
  for no key update;
  moved := array(
    select t.id
    from watchpost.decided_searches(searched) as d
    join watchpost.track as t on t.id = d.track_id
    where t.face_id is distinct from d.face_id or t.revision <> d.track_revision
  );
  perform watchpost.settle_tracks(moved, true);
  return (
    select coalesce(jsonb_agg(s.one order by s.place), '[]')
    from jsonb_array_elements(searched) with ordinality as s (one, place)
    join watchpost.decided_searches(searched) as d using (place)
    where d.track_id is null or d.track_id in (select t.id from watchpost.track as t) and d.track_id <> all (moved)
  );
end;
$$;

comment on function watchpost.without_moved_tracks(jsonb) is 'Part of match_again: these searches without those of tracks that have changed since, which are given to be searched again.';


-- A backfill may have searched while a cannot_link was being deleted. What that one ruled out is not written, because the
-- backfill that its deletion begins searches these faces again; and a match that only a cannot_link had withdrawn is
-- restored instead of found anew, in its own alert.
create or replace function watchpost.restore_searched(searched jsonb) returns jsonb
language plpgsql
as $$
declare
  one record;
begin
  perform watchpost.lock_images(array(select d.image_id from watchpost.decided_searches(searched) as d));
  for one in
    select d.person_id, array_agg(d.face_id) as faces
    from watchpost.decided_searches(searched) as d
    where d.outcome = 'match'
    group by d.person_id
    order by d.person_id
  loop
    perform watchpost.restore_matches(one.person_id, one.faces);
  end loop;
  return (
    select jsonb_agg(s.one order by s.place)
    from jsonb_array_elements(searched) with ordinality as s (one, place)
    join watchpost.decided_searches(searched) as d using (place)
    left join watchpost.embedding as e on e.id = d.embedding_id
    left join watchpost.track as t on t.face_id = e.face_id
    where d.outcome <> 'cannot_link'
      or watchpost.is_ruled_out(d.person_id, d.face_id, d.model_id, coalesce(t.vector, e.vector), d.similarity)
  );
end;
$$;

comment on function watchpost.restore_searched(jsonb) is 'Part of match_again: restores the matches that these searches have found again, and returns the searches without those that a deleted cannot_link decided. Locks the photos.';


-- Faces without a search count as live: their first search is not retroactive. The others are written only if the result
-- differs.
create or replace function watchpost.match_again(searched jsonb) returns integer
language plpgsql
as $$
declare
  taken_over uuid[];
  live jsonb;
  past jsonb;
  differing jsonb;
  matched integer := 0;
begin
  searched := watchpost.without_moved_tracks(searched);
  taken_over := array(
    select watchpost.take_over_first_searches(array(select d.embedding_id from watchpost.decided_searches(searched) as d))
  );
  select
    jsonb_agg(s.one order by s.place) filter (where (s.one ->> 'embedding_id')::uuid = any (taken_over)),
    jsonb_agg(s.one order by s.place) filter (where (s.one ->> 'embedding_id')::uuid <> all (taken_over))
  into live, past
  from jsonb_array_elements(searched) with ordinality as s (one, place);

  if past is not null then
    past := watchpost.restore_searched(past);
  end if;
  if past is not null then
    select sum(c.gained), jsonb_agg(p.one order by p.place) filter (where not c.same)
    into matched, differing
    from jsonb_array_elements(past) with ordinality as p (one, place)
    join watchpost.compare_searches(past) as c using (place);
  end if;
  if differing is not null then
    perform watchpost.replace_searches(differing);
  end if;
  if live is not null then
    matched := matched + watchpost.record_searches(live, false);
  end if;
  return matched;
end;
$$;

comment on function watchpost.match_again(jsonb) is 'Writes the searches of past faces that differ from the current ones. Returns the number of new matches.';


-- A match that is found again stays as it is, and its alert with what was decided about it: somebody who is put on another
-- list, or taken off one, keeps what was raised on the others.
create or replace function watchpost.replace_searches(
  differing jsonb, because text default 'backfill', is_retroactive boolean default true
) returns integer
language plpgsql
as $$
declare
  ranked jsonb := (select r.ranked from watchpost.rank_searches(differing) as r);
  lost uuid[];
begin
  lost := array(
    select m.id
    from watchpost.decided_searches(ranked) as d
    join watchpost.match as m on m.face_id = d.face_id and m.superseded_at is null
    where m.person_id is distinct from d.person_id
      or not exists (
        select from jsonb_to_recordset(d.matches) as n (watchlist_id uuid) where n.watchlist_id = m.watchlist_id
      )
  );
  perform watchpost.supersede_matches(lost, because);
  update watchpost.search as s
  set superseded_at = now()
  where s.embedding_id = any (array(select d.embedding_id from watchpost.decided_searches(ranked) as d))
    and s.superseded_at is null;

  return watchpost.record_searches(
    (
      select
        jsonb_agg(
          r.one || jsonb_build_object('matches', (
            select coalesce(jsonb_agg(n.one), '[]')
            from jsonb_array_elements(r.one -> 'matches') as n (one)
            where not exists (
              select
              from watchpost.match as m
              where m.face_id = (r.one ->> 'face_id')::uuid
                and m.watchlist_id = (n.one ->> 'watchlist_id')::uuid
                and m.superseded_at is null
            )
          ))
          order by r.place
        )
      from jsonb_array_elements(ranked) with ordinality as r (one, place)
    ),
    is_retroactive
  );
end;
$$;

comment on function watchpost.replace_searches is 'Replaces searches by these; of their matches those that are lost are withdrawn and those that are new are written. Returns the number of those.';


create or replace function watchpost.write_backfills(passed uuid[], begun jsonb, batches jsonb) returns integer
language plpgsql set plan_cache_mode = force_generic_plan
as $$
declare
  one record;
  matched integer;
  written integer := 0;
begin
  -- Events for the same person and reason begin one backfill together.
  for one in
    select
      b.reason, b.person_id, (array_agg(b.event_id order by b.event_id))[1] as first_event,
      coalesce(array_agg(r.id order by b.event_id) filter (where r.id is not null), '{}') as reference_ids
    from jsonb_to_recordset(begun) as b (event_id uuid, reason text, person_id uuid, reference_ids uuid[])
    left join lateral unnest(b.reference_ids) as r (id) on true
    where b.event_id = any (passed)
    group by b.reason, b.person_id
    order by first_event
  loop
    written := written + watchpost.begin_backfill(one.reason, one.person_id, one.reference_ids, one.first_event);
  end loop;

  for one in
    select b.backfill_id, b.compared, b.next_cursor, b.searched
    from jsonb_to_recordset(batches)
      as b (event_id uuid, backfill_id uuid, compared integer, next_cursor uuid, searched jsonb)
    where b.event_id = any (passed)
    order by b.event_id
  loop
    matched := watchpost.match_again(one.searched);
    perform watchpost.continue_backfill(one.backfill_id, one.compared, matched, one.next_cursor);
    written := written + matched;
  end loop;
  return written;
end;
$$;

comment on function watchpost.write_backfills is 'backfill: begun are those to begin, {event_id, reason, person_id, reference_ids}; batches are the next ones of those under way, {event_id, backfill_id, compared, next_cursor, searched}, searched as in decided_searches.';
