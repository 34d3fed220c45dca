-- Backfilling: somebody was enrolled, listed or corrected, so faces that were seen before are searched again, newest
-- first, one batch an event. What a batch finds is matched like a new face.
--
-- consumes person.enrolled, watchlist.person_added, photo.removed, cannot_link.added, cannot_link.removed,
-- backfill.continued · writes backfill, search, match · emits backfill.continued for the next batch

create or replace function watchpost.lowest_threshold(person uuid) returns real
language sql stable
begin atomic
  select min(w.threshold)
  from watchpost.watchlist_entry as e
  join watchpost.active_watchlist as w on w.id = e.watchlist_id
  where e.person_id = lowest_threshold.person;
end;

comment on function watchpost.lowest_threshold(uuid) is 'The least similarity that matches a person on any active list; null: they are on none.';


-- A backfill for each model that the person is known by. Somebody on no active list is looked for nowhere, and somebody
-- who was never found anywhere has nothing to be corrected: they cost nothing. Who is listed is searched for by what they
-- were known by then: what was added since has an event of its own, and thousands of people who are imported, each with
-- an entry and then a photo, would otherwise be searched for twice.
create or replace function watchpost.begin_backfill(
  reason text, person uuid, reference_ids uuid[] default '{}', since_event uuid default null
) returns integer
language plpgsql
as $$
declare
  begun integer;
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
  told as (
    insert into watchpost.event (topic, subject_id, payload, tasks)
    select
      'backfill.continued', m.id, jsonb_build_object('backfill_id', m.id, 'person_id', m.person_id, 'cursor', null), s.tasks
    from made as m
    cross join (select watchpost.subscribers('backfill.continued') as tasks) as s
  )
  select count(*) into begun from made as m;
  return begun;
end;
$$;

comment on function watchpost.begin_backfill is 'Begins to search the past faces for a person; reason as in the table backfill. Returns how many backfills that made, one for each model: none if there is nothing to search.';


-- One batch: the embeddings that are to be searched again, whose similarity() reaches the threshold: the inner product with
-- the scaled mean, plus the constant term (vector_of_person). 0.001 is left for rounding.
create or replace function watchpost.next_past_faces(
  backfill uuid, below uuid, scan integer, most integer, from_key uuid default null
) returns table (embeddings uuid[], searched integer, next_cursor uuid)
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set jit = off
as $$
declare
  asked watchpost.backfill;
  person halfvec;
  scaled halfvec;
  added real;
  threshold real;
  first uuid := coalesce(below, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
  last uuid := coalesce(from_key, '00000000-0000-0000-0000-000000000000');
  looked_at integer;
  near uuid[];
  reached uuid;
begin
  select b.* into asked from watchpost.backfill as b where b.id = backfill;
  if asked.reason in ('removed', 'cannot_link') then
    -- Everybody in the photos that the person was found in: whoever gave way to a match that is gone comes back.
    return query
    with past as (
      select e.id
      from (
        select distinct m.image_id
        from watchpost.match as m
        where m.person_id = asked.person_id
          and (
            m.superseded_at is null
            or m.superseded_because in ('cannot_link', 'photo_removed')
            or m.reference_id = any (asked.reference_ids)
          )
      ) as i
      join watchpost.face as f on f.image_id = i.image_id and f.superseded_at is null
      join watchpost.embedding as e on e.face_id = f.id and e.model_id = asked.model_id and e.superseded_at is null
      where below is null or e.id < below
      order by e.id desc
      limit most
    )
    select
      coalesce(array_agg(p.id order by p.id desc), '{}'),
      count(*)::integer,
      case when count(*) = most then (array_agg(p.id order by p.id))[1] end
    from past as p;
    return;
  end if;

  threshold := watchpost.lowest_threshold(asked.person_id);
  select v.vector into person
  from watchpost.person_vector as v
  where v.person_id = asked.person_id and v.model_id = asked.model_id;
  if threshold is null or person is null then
    return query select '{}'::uuid[], 0, null::uuid;
    return;
  end if;

  scaled := subvector(person, 1, vector_dims(person) - 2);
  added := (person::real[])[vector_dims(person) - 1];

  -- Of somebody who is seen often a batch is full after few faces: by what was found so far, about twice as many are
  -- looked at as are needed.
  if asked.found >= most then
    scan := least(scan, greatest(50000, 2 * most * asked.searched::bigint / asked.found));
  end if;

  -- One pass, backwards along the key: in the order of the rows on disk. Nothing is kept of a face that is not near, not
  -- even its id: an array of a million took 0.2 s of 0.6.
  select count(*), coalesce(array_agg(p.id) filter (where p.distance <= added - threshold + 0.001), '{}')
  into looked_at, near
  from (
    select e.id, e.vector <#> scaled as distance
    from watchpost.embedding as e
    where e.model_id = asked.model_id and e.superseded_at is null and e.id < first and e.id >= last
    order by e.id desc
    limit scan
  ) as p;
  near := array(
    select e.id
    from unnest(near) as n (id)
    join watchpost.embedding as e on e.id = n.id
    join watchpost.face as f on f.id = e.face_id
    join watchpost.image as i on i.id = f.image_id and i.purpose = 'probe'
    order by e.id desc
    limit most
  );
  -- A batch that found as many as it may ends there.
  if cardinality(near) = most then
    reached := near[most];
    looked_at := (
      select count(*)
      from watchpost.embedding as e
      where e.model_id = asked.model_id and e.superseded_at is null and e.id < first and e.id >= reached
    );
  elsif looked_at = scan then
    reached := (
      select e.id
      from watchpost.embedding as e
      where e.model_id = asked.model_id and e.superseded_at is null and e.id < first and e.id >= last
      order by e.id desc
      offset scan - 1
      limit 1
    );
  end if;
  return query select near, looked_at, reached;
end;
$$;

comment on function watchpost.next_past_faces is 'The next batch of a backfill: at most scan embeddings below the cursor are looked at, and at most most of them are to be searched again; from_key: none before it. next_cursor is null when there are no more.';


-- While photos come, a batch is small and rests after it: a search of the past that took a core for itself made live faces
-- wait, which are searched for by the same two (20 a second among a million references: 854 ms at the 95th percentile,
-- and 125 without it).
create or replace function watchpost.is_live(quiet interval) returns boolean
language plpgsql stable
as $$
begin
  return exists (
    select from watchpost.image as i where i.id > watchpost.uuidv7_at(now() - quiet) and i.purpose = 'probe'
  );
end;
$$;

comment on function watchpost.is_live(interval) is 'Whether a photo came within that time.';


-- While nothing is seen live, two sessions look at one half of a batch each. Not two processes of one query: a new process
-- has to map all the memory that it reads, 1.2 s of CPU for a million faces, which it reads in 0.45. Nobody knows where the
-- middle is without counting, which takes 0.06 s for a million keys; the statistics of the planner do, near enough.
create or replace function watchpost.middle_of_past(
  backfill uuid, below uuid, scan integer, at_least integer, quiet interval
) returns uuid
language plpgsql stable
as $$
declare
  bounds uuid[];
  faces_each real;
  halved integer;
begin
  if not exists (
      select
      from watchpost.backfill as b
      -- Of somebody who is seen often a batch is full before its middle.
      where b.id = backfill and b.reason in ('enrolled', 'listed') and b.found < 200
    )
    or watchpost.is_live(quiet)
  then
    return null;
  end if;
  select s.histogram_bounds::text::uuid[], c.reltuples / nullif(cardinality(s.histogram_bounds::text::uuid[]) - 1, 0)
  into bounds, faces_each
  from pg_stats as s
  join pg_class as c on c.oid = 'watchpost.embedding'::regclass and c.reltuples >= at_least
  where s.schemaname = 'watchpost' and s.tablename = 'embedding' and s.attname = 'id';
  bounds := array(select b from unnest(bounds) as b where below is null or b < below order by b);
  halved := least(cardinality(bounds) / 2, floor(scan / 2 / faces_each));
  return bounds[cardinality(bounds) - halved];
end;
$$;

comment on function watchpost.middle_of_past is 'A key about the middle of the next scan embeddings below a cursor, if there are at least so many at all and no photo came for as long as quiet; else null.';


create or replace function watchpost.continue_backfill(backfill uuid, looked_at integer, matched integer, next_cursor uuid) returns void
language plpgsql
as $$
begin
  update watchpost.backfill as b
  set searched = b.searched + looked_at,
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

comment on function watchpost.continue_backfill is 'Records a batch of a backfill, and asks for the next one or ends it.';


-- A face whose own match is still to come was perhaps compared before the person was there. Whoever gets its event past
-- the fence writes its search; a worker that is at it now is waited for, and has then done it.
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

comment on function watchpost.claim_unsearched(uuid[]) is 'Takes over the first search of those embeddings whose match is still to come, and tells which these are.';
