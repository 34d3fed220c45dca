-- Backfilling: somebody was enrolled, listed or corrected, so faces that were seen before are searched again, newest
-- first, one batch an event. What a batch finds is matched like a new face.
--
-- consumes person.enrolled, watchlist.person_added, photo.removed, cannot_link.added, cannot_link.removed,
-- backfill.continued · writes backfill, search, match · emits backfill.continued for the next batch
--
-- Which faces a batch is of: sql/4-people/past-faces.sql.

create or replace function watchpost.lowest_threshold(person uuid) returns real
language sql stable
begin atomic
  select min(w.threshold)
  from watchpost.watchlist_entry as e
  join watchpost.active_watchlist as w on w.id = e.watchlist_id
  where e.person_id = lowest_threshold.person;
end;

comment on function watchpost.lowest_threshold(uuid) is 'The least similarity that matches a person on any active list; null: they are on none.';


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
  created integer;
begin
  with made as (
    insert into watchpost.backfill as b (reason, person_id, model_id, reference_ids)
    select begin_backfill.reason, begin_backfill.person, r.model_id, begin_backfill.reference_ids
    from watchpost.reference as r
    where r.person_id = begin_backfill.person
      and case begin_backfill.reason
        when 'enrolled' then r.id = any (begin_backfill.reference_ids) and r.superseded_at is null
        when 'listed' then
          r.superseded_at is null and (since_event is null or r.created_at < watchpost.uuidv7_time(since_event))
        when 'removed' then r.id = any (begin_backfill.reference_ids)
        else true
      end
      and case
        when begin_backfill.reason in ('enrolled', 'listed') then watchpost.lowest_threshold(begin_backfill.person) is not null
        else exists (select from watchpost.match as m where m.person_id = begin_backfill.person)
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


-- A face whose own match is still to come may have been compared before the person was enrolled. Whoever inserts the
-- handling writes its search; if a worker is matching it now, the insert waits for it and then finds it done.
create or replace function watchpost.claim_unsearched(embeddings uuid[]) returns setof uuid
language plpgsql
as $$
begin
  return query
  with claimed as (
    insert into watchpost.handling (event_id, task, outcome, attempt, started_at, duration_ms)
    select e.id, 'match', 'done', 1, clock_timestamp(), 0
    from watchpost.event as e
    where e.subject_id = any (embeddings)
      and e.topic = 'face.embedded'
      and 'match' = any (e.tasks)
      and not exists (
        select from watchpost.search as s where s.embedding_id = e.subject_id and s.superseded_at is null
      )
    order by e.id
    on conflict (event_id, task) where outcome = 'done' do nothing
    returning event_id
  )
  select e.subject_id from claimed as c join watchpost.event as e on e.id = c.event_id;
end;
$$;

comment on function watchpost.claim_unsearched(uuid[]) is 'Takes over the first search of those embeddings whose match is still to come; returns them.';
