-- Backfilling: somebody was enrolled, listed or corrected, so faces that were seen before are searched again, newest
-- first, one batch an event. What a batch finds is matched like a new face.
--
-- consumes person.enrolled, watchlist.person_added, photo.removed, cannot_link.added, cannot_link.removed,
-- backfill.continued · writes backfill, search, match · emits backfill.continued for the next batch
--
-- Which faces are in a batch: sql/4-people/past-faces.sql. The rows that each of them gets: backfill-searches.sql, match.sql.

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
